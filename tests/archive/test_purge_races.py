"""A purge removes what is old when it is removed, not what was old when it was chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

import pytest
from support.archives import AT, MS, batch, opened, raws, rows, using
from support.postgres import PostgresServer

from openta_memory import StoreUnavailableError
from openta_memory.archive import Archive, Cleared, writer

SOON = 0.3


async def held(archive: Archive, conversation_id: str) -> tuple[tuple[int, bytes], ...]:
    snapshot = await archive.snapshot(conversation_id, None)
    return () if snapshot is None else snapshot.records


def slowly(
    work: Callable[[Any], Awaitable[object]], done: asyncio.Event, go: asyncio.Event
) -> Callable[[Any], Awaitable[None]]:
    """Do the work in a transaction that stays open until it is told to go on."""

    async def do(connection: Any) -> None:
        await work(connection)
        done.set()
        await go.wait()

    return do


def test_a_conversation_that_is_being_appended_to_is_not_purged(url: str) -> None:
    async def work(archive: Archive) -> None:
        # Given two old conversations, to one of which another process appends
        await archive.write([batch(1, of="goes on"), batch(1, of="old")])
        newer = batch(1000, of="goes on", first=3)
        done, go = asyncio.Event(), asyncio.Event()
        async with opened(url) as other:
            append = slowly(lambda connection: writer.write(connection, [newer]), done, go)
            appending = asyncio.create_task(other._transactions.run(append))
            await done.wait()
            # When a purge comes before that is committed
            purging = asyncio.create_task(archive.purge(MS + 500))
            await asyncio.sleep(SOON)
            assert not purging.done()
            go.set()
            await appending
            # Then it removes the other one alone
            assert await purging == 1
        assert await held(archive, "goes on") == raws([batch(1), newer])
        assert await archive.ids() == ["goes on"]

    using(url, work)


def test_an_append_that_comes_during_a_purge_begins_anew_and_is_not_lost(url: str) -> None:
    newer = batch(1000, first=3)

    async def work(archive: Archive) -> None:
        await archive.write([batch(1)])
        async with opened(url) as other:
            appending: list[asyncio.Task[None]] = []

            async def consent(ids: Sequence[str]) -> Collection[str]:
                # When an append comes after the choice
                appending.append(asyncio.create_task(other.write([newer])))
                await asyncio.sleep(SOON)
                # Then it waits for the removal
                assert not appending[0].done()
                return ids

            assert await archive.purge(MS + 500, consent=consent) == 1
            await appending[0]
        assert await held(archive, "c") == newer.records
        assert await rows(archive, "SELECT DISTINCT seq FROM messages ORDER BY seq") == [
            {"seq": 3},
            {"seq": 4},
        ]

    using(url, work)


def test_only_what_is_agreed_to_goes_however_many_portions(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openta_memory.archive.purging._CHUNK", 3)
    asked: list[str] = []

    async def consent(ids: Sequence[str]) -> Collection[str]:
        asked.extend(ids)
        return [id_ for id_ in ids if id_ not in ("c2", "c3", "c4", "c5")]

    async def work(archive: Archive) -> None:
        # Given ten old conversations, two that were cleared long ago, and a young one
        await archive.write([batch(1, of=f"c{n}") for n in range(10)])
        await archive.write([Cleared("c00", AT + 1_000_000), Cleared("c9z", AT + 1_000_000)])
        await archive.write([batch(1000, of="young")])
        # When a purge asks, and is refused some
        assert await archive.purge(MS + 500, consent=consent) == 6
        # Then it asked once about each that holds messages, and those stay
        assert asked == [f"c{n}" for n in range(10)]
        assert await archive.ids() == ["c2", "c3", "c4", "c5", "young"]
        found = await rows(archive, "SELECT id FROM conversations ORDER BY id")
        assert [row["id"] for row in found] == ["c2", "c3", "c4", "c5", "young"]
        assert (await archive.counts()).messages == 10

    using(url, work)


def test_a_redis_that_fails_while_it_is_asked_is_told_as_itself_and_nothing_goes(url: str) -> None:
    async def consent(_: Sequence[str]) -> Collection[str]:
        raise StoreUnavailableError("Redis is away")

    async def work(archive: Archive) -> None:
        await archive.write([batch(1)])
        with pytest.raises(StoreUnavailableError, match="Redis is away"):
            await archive.purge(MS + 500, consent=consent)
        assert await archive.ids() == ["c"]

    using(url, work)


def test_a_purge_holds_conversations_in_the_order_of_writes_whatever_the_collation(
    shared_postgres: PostgresServer,
) -> None:
    url = shared_postgres.new_database()

    async def work(archive: Archive) -> None:
        # Given a database that sorts "a" before "B", as most do and Python does not
        async with archive._engine.begin() as connection:
            await connection.exec_driver_sql("DROP VIEW conversation_messages")
            await connection.exec_driver_sql(
                'ALTER TABLE conversations ALTER COLUMN id TYPE text COLLATE "en-x-icu"'
            )
        await archive.write([batch(1, of="B"), batch(1, of="a")])
        async with archive._engine.begin() as connection:
            # When a purge comes while a write holds the first of two
            await connection.exec_driver_sql("SELECT FROM conversations WHERE id = 'B' FOR UPDATE")
            purging = asyncio.create_task(archive.purge(MS + 500))
            await asyncio.sleep(SOON)
            # Then the write gets the other one as well
            await connection.exec_driver_sql(
                "SELECT FROM conversations WHERE id = 'a' FOR UPDATE NOWAIT"
            )
        assert await purging == 2

    using(url, work)
