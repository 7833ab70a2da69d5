"""What the archive lists and counts: an owner's conversations, in pages that lose none."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from support.archives import AT, MS, batch, rows, using

from openta_memory.archive import Archive, Batch, Cleared, Conversation, Counts


def at_once(conversation_id: str, owner: str | None = "ann") -> Batch:
    """Give a batch that was appended in the same millisecond as all others."""
    return Batch(conversation_id, owner, MS, AT, ((1, b'{"type":"human"}'),))


def names(found: list[Conversation]) -> list[str]:
    return [conversation.id for conversation in found]


def test_an_owners_conversations_come_latest_first(url: str) -> None:
    async def work(archive: Archive) -> None:
        # Given conversations of two owners and of nobody, begun in another order than used
        await archive.write([batch(n, of=f"c{n}", owner="ann") for n in (2, 1, 3)])
        await archive.write([batch(4, of="c4", owner="bob"), batch(5, of="c5")])
        await archive.write([batch(6, of="c1", owner="ann")])
        # Then each sees theirs, and a caller who names nobody sees all
        assert names(await archive.conversations("ann")) == ["c1", "c3", "c2"]
        assert names(await archive.conversations()) == ["c1", "c5", "c4", "c3", "c2"]
        assert names(await archive.conversations("ann", limit=1)) == ["c1"]
        assert await archive.conversations("eve") == []

    using(url, work)


def test_a_listing_tells_what_is_known_of_a_conversation(url: str) -> None:
    async def work(archive: Archive) -> None:
        await archive.write([batch(1, of="a\0b", owner="o\0"), batch(7, of="a\0b")])
        async with archive._engine.begin() as connection:
            await connection.exec_driver_sql("UPDATE conversations SET title = 'Bees'")
        (found,) = await archive.conversations("o\0")
        assert found == Conversation(
            id="a\0b",
            owner="o\0",
            title="Bees",
            created_at=datetime.fromtimestamp((MS + 1) / 1000, UTC),
            updated_at=datetime.fromtimestamp((MS + 7) / 1000, UTC),
            seq=14,
        )
        assert found.cursor == (MS + 7, "a\0b")

    using(url, work)


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_pages_meet_every_conversation_once_whatever_shares_a_time(url: str, limit: int) -> None:
    async def work(archive: Archive) -> None:
        # Given many of one millisecond between an older and a newer one
        same = [at_once(f"c{number}") for number in range(20)]
        await archive.write([*same, batch(5, of="new", owner="ann"), at_once("hers", "bob")])
        # When they are paged through
        met: list[str] = []
        before = None
        while page := await archive.conversations("ann", before=before, limit=limit):
            assert len(page) <= limit
            met += names(page)
            before = page[-1].cursor
        # Then each is met once, the newest first
        assert met[0] == "new"
        assert sorted(met) == sorted(["new", *(f"c{number}" for number in range(20))])

    using(url, work)


def test_a_conversation_that_goes_on_while_it_is_paged_hides_no_other(url: str) -> None:
    async def work(archive: Archive) -> None:
        await archive.write([batch(n, of=f"c{n}", owner="ann") for n in (1, 2, 3, 4)])
        first = await archive.conversations("ann", limit=2)
        # When one of the next page is appended to
        await archive.write([batch(9, of="c1", owner="ann")])
        # Then the next page holds what else was on it
        assert names(first) == ["c4", "c3"]
        assert names(await archive.conversations("ann", before=first[-1].cursor)) == ["c2"]

    using(url, work)


def test_ids_come_in_pages_and_only_the_old_where_asked_for(url: str) -> None:
    async def work(archive: Archive) -> None:
        await archive.write(
            [batch(n, of=f"c{n}", owner="ann" if n % 2 else None) for n in range(9)]
        )
        met: list[str] = []
        while page := await archive.ids(after=met[-1] if met else None, limit=2):
            met += page
        assert met == [f"c{n}" for n in range(9)]
        assert await archive.ids("ann") == ["c1", "c3", "c5", "c7"]
        assert await archive.ids(older_than_ms=MS + 2) == ["c0", "c1"]
        assert await archive.ids("ann", older_than_ms=MS + 6, after="c1") == ["c3", "c5"]

    using(url, work)


def test_what_was_cleared_is_neither_listed_nor_counted(url: str) -> None:
    async def work(archive: Archive) -> None:
        # Given two of Ann's and one of nobody's
        await archive.write([batch(1, of="a", owner="ann"), batch(2, of="b", owner="ann")])
        await archive.write([batch(3, of="c")])
        assert await archive.counts() == Counts(conversations=3, messages=6)
        # When one of hers is cleared
        await archive.write([Cleared("b", AT + 5_000_000)])
        # Then it is gone from every listing, though its row keeps late batches out
        assert await archive.counts() == Counts(conversations=2, messages=4)
        assert await archive.counts("ann") == Counts(conversations=1, messages=2)
        assert names(await archive.conversations()) == ["c", "a"]
        assert await archive.ids() == ["a", "c"]
        assert len(await rows(archive, "SELECT id FROM conversations")) == 3

    using(url, work)
