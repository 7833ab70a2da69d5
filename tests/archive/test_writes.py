"""What is written to the archive is there once, in order, and what is cleared stays out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from sqlalchemy import event
from support.archives import AT, MS, batch, opened, raws, record, rows, using

from openta_memory.archive import Archive, Batch, Cleared, Entry, Snapshot


async def held(archive: Archive, conversation_id: str = "c") -> tuple[tuple[int, bytes], ...]:
    snapshot = await archive.snapshot(conversation_id, None)
    return () if snapshot is None else snapshot.records


def test_what_was_written_comes_back_byte_for_byte_in_its_order(url: str) -> None:
    # Given three turns, written in two transactions
    batches = [batch(number) for number in (1, 2, 3)]

    async def work(archive: Archive) -> None:
        await archive.write(batches[:2])
        await archive.write(batches[2:])
        # Then they come back as they were
        assert await held(archive) == raws(batches)

    using(url, work)


def test_writing_the_same_entries_again_changes_nothing(url: str) -> None:
    entries: list[Entry] = [batch(1), Cleared("c", AT + 1_500_000), batch(2, owner="u"), batch(3)]

    async def work(archive: Archive) -> None:
        # Given entries that were written
        await archive.write(entries)
        before = await archive.snapshot("c", None)
        # When they are written again, whole, in part and twice in one transaction
        for again in (entries, entries[:2], entries[1:3], entries * 2):
            await archive.write(again)
            # Then nothing has changed
            assert await archive.snapshot("c", None) == before
        assert before is not None
        assert before.records == raws([batch(2), batch(3)])

    using(url, work)


def test_a_conversation_is_its_latest_owners_and_knows_its_times(url: str) -> None:
    async def work(archive: Archive) -> Snapshot | None:
        # Given batches that overtook each other, and the clear that let the owner change
        await archive.write([batch(5, owner="bob"), batch(7, owner="ann")])
        await archive.write([batch(6, owner="bob")])
        return await archive.snapshot("c", 1)

    snapshot = using(url, work)
    assert snapshot is not None
    found = snapshot.metadata
    assert (found.session_id, found.owner, found.title, found.ttl) == ("c", "ann", None, 0)
    assert (found.seq, found.length) == (14, 1)
    assert found.created_at is not None
    assert found.updated_at is not None
    assert round(found.created_at.timestamp() * 1000) == MS + 5
    assert round(found.updated_at.timestamp() * 1000) == MS + 7


def test_a_cleared_conversation_is_gone_and_a_late_batch_cant_bring_it_back(url: str) -> None:
    async def work(archive: Archive) -> None:
        # Given a conversation that was cleared
        await archive.write([batch(1, owner="ann")])
        await archive.write([Cleared("c", AT + 5_000_000)])
        assert await archive.snapshot("c", None) is None
        assert await archive.conversations("ann") == []
        # When batches from before the clear arrive
        await archive.write([batch(2), batch(3)])
        # Then they stay out
        assert await archive.snapshot("c", None) is None
        assert await archive.page("c", None, 10) == []

    using(url, work)


def test_a_clear_of_what_was_not_archived_yet_keeps_it_out(url: str) -> None:
    async def work(archive: Archive) -> None:
        await archive.write([Cleared("c", AT + 5_000_000)])
        await archive.write([batch(4)])
        assert await archive.snapshot("c", None) is None

    using(url, work)


def test_a_conversation_begins_anew_after_a_clear(url: str) -> None:
    async def work(archive: Archive) -> Snapshot | None:
        # Given one of Ann's that was cleared
        await archive.write([batch(1, owner="ann"), batch(2), Cleared("c", AT + 5_000_000)])
        # When Bob begins it again, with messages of the same ids
        await archive.write([batch(6, batch_messages(1), owner="bob", first=1)])
        return await archive.snapshot("c", None)

    snapshot = using(url, work)
    # Then it is Bob's and counts from one
    assert snapshot is not None
    assert (snapshot.metadata.owner, snapshot.metadata.seq) == ("bob", 2)
    assert snapshot.metadata.created_at is not None
    assert round(snapshot.metadata.created_at.timestamp() * 1000) == MS + 6
    assert [seq for seq, _ in snapshot.records] == [1, 2]


def batch_messages(number: int) -> list[HumanMessage | AIMessage]:
    return [HumanMessage("again", id=f"q{number}"), AIMessage("yes", id=f"a{number}")]


def test_a_clear_that_comes_late_spares_what_was_appended_after_it(url: str) -> None:
    after = batch(9, first=1)

    async def work(archive: Archive) -> Snapshot | None:
        # Given what another process drained already, from after the clear
        await archive.write([batch(1), after])
        # When the clear arrives, twice
        await archive.write([Cleared("c", AT + 5_000_000)])
        await archive.write([Cleared("c", AT + 5_000_000)])
        # And what had numbers that others had, too, is put into its place
        await archive.settle({"c": 0})
        return await archive.snapshot("c", None)

    snapshot = using(url, work)
    assert snapshot is not None
    assert snapshot.records == after.records
    assert (snapshot.metadata.seq, snapshot.metadata.length) == (2, 2)


@pytest.mark.parametrize("order", ["the same order", "opposite orders"])
def test_writers_of_the_same_entries_at_once_store_them_once(url: str, order: str) -> None:
    entries = [batch(number, of=f"c{number % 7}") for number in range(1, 60)]

    async def work(archive: Archive) -> int:
        other = entries if order == "the same order" else entries[::-1]
        # When ten write the same at the same moment
        await asyncio.gather(*(archive.write(some) for some in [entries, other] * 5))
        (found,) = await rows(archive, "SELECT count(*) AS n FROM messages")
        return int(found["n"])

    # Then each message is stored once
    assert using(url, work) == 2 * len(entries)


def test_two_archives_of_one_database_see_each_others_writes(url: str) -> None:
    async def work(archive: Archive) -> None:
        async with opened(url) as other:
            await archive.write([batch(1)])
            await other.write([batch(1), batch(2)])
            assert await held(archive) == await held(other) == raws([batch(1), batch(2)])

    using(url, work)


def test_a_transaction_that_fails_half_way_leaves_nothing(url: str) -> None:
    broken = Batch("c", None, MS, AT + 2_000_000, ((2**63, b"{}"),))

    async def work(archive: Archive) -> None:
        # When the second of two batches can't be stored
        with pytest.raises(Exception):  # noqa: B017, PT011 - any: what counts is what is left
            await archive.write([batch(1), broken])
        # Then the first isn't either
        assert await archive.snapshot("c", None) is None

    using(url, work)


@pytest.mark.parametrize(
    "raw",
    [
        b"no json",
        b"\xff\xfe\x00 not even text",
        b'"a string"',
        b'{"type":7,"content":{"a":1},"additional_kwargs":[]}',
        b"base64:plain text that looks wrapped",
        b"",
    ],
)
def test_a_record_that_is_no_message_is_stored_all_the_same(url: str, raw: bytes) -> None:
    odd = Batch("c", None, MS, AT, ((1, raw), (2, raw)))

    async def work(archive: Archive) -> None:
        await archive.write([odd])
        await archive.write([odd])
        assert await held(archive) == odd.records
        for row in await rows(archive, "SELECT type, text, sources FROM messages"):
            assert set(row.values()) == {None}

    using(url, work)


def test_nul_and_very_long_ids_are_taken_by_both_databases(url: str) -> None:
    name, owner = "c\0\x1a0", "o\0"
    long = HumanMessage("a\0b", id="i\0" * 2000)
    odd = Batch(name, owner, MS, AT, ((1, record(long)),))

    async def work(archive: Archive) -> None:
        await archive.write([odd, odd])
        snapshot = await archive.snapshot(name, None)
        assert snapshot is not None
        assert snapshot.records == odd.records
        assert (snapshot.metadata.session_id, snapshot.metadata.owner) == (name, owner)
        assert await archive.ids(owner) == [name]
        assert await archive.purge(MS + 1) == 1
        assert await archive.ids(owner) == []

    using(url, work)


def test_a_batch_of_many_messages_in_many_conversations_is_written_whole(url: str) -> None:
    entries = [batch(number, of=f"c{number}") for number in range(1, 3001)]

    async def work(archive: Archive) -> None:
        await archive.write(entries)
        (found,) = await rows(archive, "SELECT count(*) AS n FROM messages")
        assert found["n"] == 6000

    using(url, work)


def test_an_append_past_redis_tells_how_long_the_conversation_is_and_counts_nothing(
    url: str,
) -> None:
    asked: list[str] = []

    def hear(*given: Any) -> None:
        asked.append(given[2])

    async def work(archive: Archive) -> None:
        await archive.write([batch(1)])
        event.listen(archive._engine.sync_engine, "before_cursor_execute", hear)
        for number in (2, 3):
            records = [raw for _, raw in batch(number).records]
            assert (await archive.append("c", None, records)).length == 2 * number
        assert not [statement for statement in asked if "count(" in statement]

    using(url, work)
