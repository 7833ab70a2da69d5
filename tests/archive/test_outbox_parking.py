"""An entry that can't be archived is neither lost nor in the way of the others."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from support.archives import AT, MS, batch, using

from openta_memory import ArchiveError, ArchiveUnavailableError, ConversationMemory
from openta_memory.archive import Archive, Batch, Entry
from openta_memory.archive.drain import Drain
from openta_memory.archive.entries import UnarchivableError
from openta_memory.keys import Keys, parked
from openta_memory.store import RedisStore
from openta_memory.testing import turn

OUTBOX, PARKED = "openta:outbox", "openta:outbox:parked"

Build = Callable[..., ConversationMemory]

SECRET = "what was said"
GOOD: dict[str | bytes, str | bytes] = {
    "op": "append",
    "id": "c",
    "owner": "",
    "at": str(MS),
    "9": json.dumps({"v": 1, "type": "human", "id": "m9", "content": SECRET}),
}


def without(field: str) -> dict[str | bytes, str | bytes]:
    return {name: value for name, value in GOOD.items() if name != field}


MALFORMED: dict[str, dict[str | bytes, str | bytes]] = {
    "a stranger's": {"hello": SECRET},
    "no op": without("op"),
    "another op": GOOD | {"op": "delete"},
    "no id": without("id"),
    "an empty id": GOOD | {"id": ""},
    "an id that is too long": GOOD | {"id": "i" * 257},
    "an id that is no text": GOOD | {"id": b"\xff"},
    "a clear without an id": {"op": "clear", "owner": ""},
    "no owner": without("owner"),
    "an owner that is no text": GOOD | {"owner": b"\xff"},
    "no time": without("at"),
    "a time that is no number": GOOD | {"at": "soon"},
    "a time that no date can be": GOOD | {"at": "9" * 15},
    "no message": without("9"),
    "a number beyond 64 bits": GOOD | {str(2**63): "{}"},
    "a number of thousands of digits": GOOD | {"1" * 5000: "{}"},
    "a number in other digits": GOOD | {"²": "{}"},
    "a field whose name is no text": {b"\xff\xfe": SECRET},
    "thousands of fields": {f"field {n}": SECRET for n in range(5000)},
}


def texts(memory: ConversationMemory) -> list[str]:
    return [message.text for _, message in memory.archived("c", limit=100)]


def parked_entries(raw: Any, stream: str = PARKED) -> list[dict[bytes, bytes]]:
    return [fields for _, fields in raw.xrange(stream)]


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=list(MALFORMED))
def test_an_entry_that_cant_be_read_is_parked_and_the_others_are_archived(
    build: Build,
    raw: Any,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str | bytes, str | bytes],
) -> None:
    memory = build()
    # Given an entry that no script of ours wrote, among ours
    memory.append("c", turn(1))
    entry_id = raw.xadd(OUTBOX, fields)
    memory.append("c", turn(2))
    # When the outbox is drained
    with caplog.at_level(logging.ERROR, logger="openta_memory"):
        assert memory.drain() == 2
    # Then ours are archived, and it stands aside as it was
    assert texts(memory) == ["question 1", "answer 1", "question 2", "answer 2"]
    assert raw.xlen(OUTBOX) == 0
    assert raw.xpending(OUTBOX, "archive")["pending"] == 0
    parts = parked_entries(raw)
    assert {part[b"entry"] for part in parts} == {entry_id}
    kept = {name: value for part in parts for name, value in part.items()}
    assert as_bytes(fields).items() <= kept.items()
    # And the log names it, and nothing of what it holds
    assert f"Entry {entry_id.decode()} of {OUTBOX} can't be archived" in caplog.text
    assert PARKED in caplog.text
    assert SECRET not in caplog.text
    assert memory.drain() == 0


def as_bytes(fields: dict[str | bytes, str | bytes]) -> dict[bytes, bytes]:
    def one(value: str | bytes) -> bytes:
        return value.encode() if isinstance(value, str) else value

    return {one(name): one(value) for name, value in fields.items()}


def test_who_waits_for_the_archive_does_not_wait_for_what_was_parked(
    build: Build, raw: Any
) -> None:
    # Given an append that is archived before it is acknowledged, behind an entry of a stranger's
    raw.xadd(OUTBOX, {"hello": "you"})
    memory = build()
    memory.append("c", turn(1))
    raw.xadd(OUTBOX, {"hello": "again"})
    # Then a clear and a restore, which wait for all that is on the outbox, go through
    memory.drain()
    raw.delete("conversation:c", "conversation:meta:c")
    raw.xadd(OUTBOX, {"hello": "again"})
    assert len(memory.window("c").messages) == 2
    assert memory.clear("c") is True
    assert len(parked_entries(raw)) == 3


def drained(raw: Any, archive: Archive, streams: tuple[str, ...] = (OUTBOX,)) -> Drain:
    """Give a drain from one Redis that blocks."""
    store = RedisStore(raw, server="redis")

    async def run(plan: Any) -> Any:
        return store.run(plan)

    return Drain(run, archive, streams)


def put(raw: Any, entry: Batch, stream: str = OUTBOX) -> bytes:
    """Put a batch on the outbox as append.lua does; gives the entry's id."""
    fields = {"op": "append", "id": entry.conversation_id, "owner": "", "at": entry.at_ms}
    numbered = {str(seq): record for seq, record in entry.records}
    added: bytes = raw.xadd(stream, fields | numbered)
    return added


class Refusing(Archive):
    """An archive whose database can't hold certain conversations."""

    refused: frozenset[str] = frozenset()
    error: ArchiveError = UnarchivableError("the archive at x refused: DataError")
    calls = 0

    async def write(self, entries: Any) -> None:
        self.calls += 1
        if self.refused & {entry.conversation_id for entry in entries}:
            raise self.error
        await super().write(entries)


def refusing(url: str, names: set[str], error: ArchiveError | None = None) -> Refusing:
    archive = Refusing(url)
    archive.refused = frozenset(names)
    archive.error = error or archive.error
    return archive


def test_what_the_database_cant_hold_is_found_in_its_batch_and_parked(raw: Any, url: str) -> None:
    async def work() -> None:
        # Given 300 entries that are drained together, two of which the database can't hold
        archive = refusing(url, {"c7", "c288"})
        ids = {n: put(raw, batch(n, of=f"c{n}")) for n in range(1, 301)}
        drain = drained(raw, archive)
        # When they are drained
        assert await drain.once() == 298
        # Then all others are archived, and not one by one
        assert len(await archive.ids(limit=1000)) == 298
        assert archive.calls < 50
        assert [entry[b"entry"] for entry in parked_entries(raw)] == [ids[7], ids[288]]
        assert parked_entries(raw)[0][b"why"] == b"the archive at x refused: DataError"
        assert raw.xlen(OUTBOX) == 0
        await drain.complete()
        await archive.aclose()

    asyncio.run(work())


@pytest.mark.parametrize(
    "error", [ArchiveUnavailableError("is away"), ArchiveError("refused: a table is missing")]
)
def test_a_database_that_is_away_or_broken_parks_nothing(
    raw: Any, url: str, error: ArchiveError
) -> None:
    async def work() -> None:
        # Given a database that refuses whatever is written
        archive = refusing(url, {"c1", "c2"}, error)
        put(raw, batch(1, of="c1"))
        put(raw, batch(2, of="c2"))
        # When its outbox is drained
        drain = drained(raw, archive)
        with pytest.raises(ArchiveError):
            await drain.once()
        # Then all waits for a better day
        assert raw.xlen(OUTBOX) == 2
        assert raw.xlen(PARKED) == 0
        archive.refused = frozenset()
        assert await drain.once() == 2
        await archive.aclose()

    asyncio.run(work())


def too_large(name: str) -> Entry:
    return Batch(
        "c",
        None,
        2**63 if name == "at" else MS,
        2**63 if name == "position" else AT,
        ((2**63 if name == "seq" else 1, b"{}"),),
    )


@pytest.mark.parametrize(
    "odd",
    [
        too_large("at"),
        too_large("position"),
        too_large("seq"),
        Batch("\ud800", None, MS, AT, ((1, b"{}"),)),
        Batch("c", "\ud800", MS, AT, ((1, b"{}"),)),
    ],
)
def test_a_value_that_no_database_holds_is_told_from_a_database_that_is_away(
    url: str, odd: Entry
) -> None:
    async def work(archive: Archive) -> None:
        with pytest.raises(UnarchivableError) as told:
            await archive.write([batch(1, of="other"), odd])
        assert not isinstance(told.value, ArchiveUnavailableError)
        assert await archive.ids() == []

    using(url, work)


def test_an_id_beyond_an_indexs_limit_is_told_from_a_lost_server(url: str) -> None:
    # Random, so that it can't be compressed
    name = "".join(chr(0x4E00 + n * 7919 % 20000) for n in range(6000))

    async def work(archive: Archive) -> None:
        if url.startswith("sqlite"):
            await archive.write([batch(1, of=name)])
            assert await archive.ids() == [name]
            return
        with pytest.raises(UnarchivableError):
            await archive.write([batch(1, of=name)])

    using(url, work)


def test_sources_nested_too_deep_to_be_spelled_are_kept_in_the_record(url: str) -> None:
    deep = b'{"type":"ai","additional_kwargs":{"sources":[' + b"[" * 300 + b"]" * 300 + b"]}}"

    async def work(archive: Archive) -> None:
        await archive.write([Batch("c", None, MS, AT, ((1, deep),))])
        assert await archive.page("c", None, 10) == [(1, deep)]

    using(url, work)


def test_each_stream_of_a_cluster_has_its_own_place_for_what_is_parked(raw: Any, url: str) -> None:
    streams = Keys(cluster=True).outboxes()[:3]

    async def work(archive: Archive) -> None:
        entry_id = raw.xadd(streams[1], {"hello": "you"})
        put(raw, batch(1), streams[2])
        assert await drained(raw, archive, streams).once() == 1
        # In the same slot as its stream, by the same hash tag
        (entry,) = parked_entries(raw, parked(streams[1]))
        assert entry[b"entry"] == entry_id
        assert parked(streams[1]) == "openta:outbox:{b01}:parked"

    using(url, work)


def test_drains_at_once_park_an_entry_once(raw: Any, url: str) -> None:
    async def work(archive: Archive) -> None:
        for number in range(20):
            raw.xadd(OUTBOX, {"hello": "you"})
            put(raw, batch(number + 1))
        await asyncio.gather(*(drained(raw, archive).complete() for _ in range(4)))
        assert len(parked_entries(raw)) == 20
        assert (await archive.counts()).messages == 40

    using(url, work)
