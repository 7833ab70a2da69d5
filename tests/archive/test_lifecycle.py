"""Calls that are cancelled or outlive their memory, forks, and loops that go on behind errors."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.archives import batch, using
from support.chatters import wait_until
from support.faces import Call, both
from support.outages import Build, building, ids, look_often, read, wait_until_back, waiting
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import (
    ArchiveUnavailableError,
    ConversationMemory,
    MemoryClosedError,
    SessionManager,
    SettingsError,
    StoreAuthError,
    StoreUnavailableError,
)
from openta_memory.archive import Archive, database, engines, writer
from openta_memory.archive.tier import ArchiveTier
from openta_memory.embedded import EmbeddedRedis


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "archive.db"


@pytest.fixture
def build(file: Path) -> Iterator[Build]:
    yield from building(f"sqlite:///{file}")


def tier_of(memory: ConversationMemory) -> ArchiveTier:
    tier = memory._flows.tier
    assert tier is not None
    return tier


def is_locked(file: Path) -> bool:
    other = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


async def insert_and_stay(connection: Any) -> None:
    """Leave a statement that writes undone: only one of its rows is fetched."""
    raw = (await connection.get_raw_connection()).driver_connection
    cursor = await raw.execute("INSERT INTO openta_migrations VALUES (8, 0), (9, 0) RETURNING *")
    await cursor.fetchone()
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError as error:
        error.cursor = cursor  # type: ignore[attr-defined]
        # As a driver does whose call was cancelled
        await connection.invalidate()
        raise


def test_a_transaction_that_is_given_up_leaves_the_file_free(file: Path) -> None:
    async def work(archive: Archive) -> None:
        work = asyncio.create_task(archive._transactions.run(insert_and_stay, seconds=0.2))
        with pytest.raises(ArchiveUnavailableError, match="in time"):
            await work
        assert not is_locked(file)
        await archive.write([batch(1)])

    using(f"sqlite:///{file}", work)


def test_a_call_that_is_cancelled_anywhere_leaves_the_file_free(file: Path) -> None:
    async def work(archive: Archive) -> None:
        for number in range(60):
            call = asyncio.create_task(archive.write([batch(number + 1)]))
            await asyncio.sleep(number * 0.0001)
            call.cancel()
            await asyncio.wait({call})
        await asyncio.sleep(0.1)
        assert not is_locked(file)

    using(f"sqlite:///{file}", work)


def test_an_async_caller_that_is_cancelled_lets_the_archive_go_on(
    redis_server: RedisServer, build: Build
) -> None:
    memory = build(redis_server.url)
    memory.start()
    archive, written = tier_of(memory).archive, []
    hold_up(archive, "write", 0.3, written.append)

    async def cancel() -> None:
        memory.append("c", make_turn(1, 0))
        drain = asyncio.create_task(memory.adrain())
        await asyncio.sleep(0.1)
        drain.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drain

    asyncio.run(cancel())
    wait_until(lambda: bool(written), "the entry is written")
    wait_until(lambda: waiting(redis_server) == 0, "the entry is settled")


def hold_up(
    archive: Archive, name: str, seconds: float, then: Callable[[str], object] = lambda _: None
) -> None:
    """Let a method of an archive take so long."""
    method: Callable[..., Awaitable[Any]] = getattr(archive, name)

    async def slowly(*args: Any, **given: Any) -> Any:
        await asyncio.sleep(seconds)
        done = await method(*args, **given)
        then(name)
        return done

    setattr(archive, name, slowly)


@both
def test_who_waits_while_the_memory_closes_is_told_so(
    call: Call, redis_server: RedisServer, build: Build
) -> None:
    memory = build(redis_server.url)
    memory.start()
    hold_up(tier_of(memory).archive, "snapshot", 30)
    with ThreadPoolExecutor() as callers:
        reading = callers.submit(call, memory, "window", "c")
        time.sleep(0.3)
        memory.close()
        with pytest.raises(MemoryClosedError):
            reading.result(timeout=5)


def test_several_may_close_a_memory_at_once_and_it_can_be_used_again(
    redis_server: RedisServer, build: Build
) -> None:
    memory = build(redis_server.url)
    for number in range(5):
        memory.append("c", make_turn(1, number))
        with ThreadPoolExecutor(4) as callers:
            closing = [callers.submit(memory.close) for _ in range(4)]
            assert [each.result(timeout=10) for each in closing] == [None] * 4
    assert read(memory) == ids(range(5))


def test_calls_and_a_close_at_once_all_end(redis_server: RedisServer, build: Build) -> None:
    memory = build(redis_server.url)
    ended: list[object] = []

    def call(number: int) -> None:
        try:
            ended.append(memory.window(f"c{number}"))
        except MemoryClosedError as error:
            ended.append(error)

    for _ in range(10):
        with ThreadPoolExecutor(8) as callers:
            calls = [callers.submit(call, number) for number in range(7)]
            callers.submit(memory.close).result(timeout=10)
            for each in calls:
                each.result(timeout=10)
    assert len(ended) == 70


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_process_that_is_forked_off_begins_anew(redis_server: RedisServer, build: Build) -> None:
    # Given a memory that was used, and what Redis forgot since
    memory = build(redis_server.url)
    memory.append("c", make_turn(1, 0))
    memory.drain()
    with redis_server.client() as client:
        client.flushall()
    # When a process is forked off, and reads
    heard, told = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(told, str(read(memory) == ids([0])).encode())
        os._exit(0)
    # Then it is served, and so is this one
    ready, _, _ = select.select([heard], [], [], 10)
    if not ready:
        os.kill(child, 9)
    os.waitpid(child, 0)
    assert ready, "the child hangs"
    assert os.read(heard, 9) == b"True"
    os.close(heard)
    os.close(told)
    memory.append("c", make_turn(1, 1))
    assert read(memory) == ids(range(2))


class OddError(Exception):
    """An error that nobody thought of; it quotes what was said."""


def fail_once(patch: pytest.MonkeyPatch, place: object, name: str) -> list[str]:
    """Let a coroutine function fail at its first call."""
    method, failed = getattr(place, name), []

    async def fail(*args: Any, **given: Any) -> Any:
        if not failed:
            failed.append(name)
            raise OddError("what was said")
        return await method(*args, **given)

    patch.setattr(place, name, fail)
    return failed


def test_the_drain_at_each_interval_goes_on_behind_an_error_of_any_kind(
    redis_server: RedisServer,
    build: Build,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    failed = fail_once(monkeypatch, writer, "write")
    memory = build(redis_server.url, interval=0.1)
    memory.append("c", make_turn(1, 0))
    wait_until(lambda: waiting(redis_server) == 0, "what waits is archived")
    assert failed
    assert "OddError" in caplog.text
    assert "what was said" not in caplog.text


def test_an_outage_ends_behind_an_error_of_any_kind(
    redis_server: RedisServer,
    build: Build,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    look_often(monkeypatch)
    caplog.set_level(logging.INFO, "openta_memory")
    memory = build(redis_server.url)
    memory.start()
    failed = fail_once(monkeypatch, tier_of(memory)._outage, "reload")
    tier_of(memory).redis_went(StoreUnavailableError("away"))
    wait_until_back(memory)
    assert failed
    assert "OddError" in caplog.text
    assert "what was said" not in caplog.text


def test_a_start_that_redis_refuses_is_logged(
    redis_server: RedisServer,
    build: Build,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuse(_: object) -> None:
        raise StoreAuthError("denied a command")

    memory = build(redis_server.url)
    monkeypatch.setattr(tier_of(memory)._outage, "reload", lambda: refuse(None))
    memory.start()
    assert "StoreAuthError: denied a command" in caplog.text


def test_an_archive_beside_an_asynchronous_client_alone_is_refused_at_once(file: Path) -> None:
    with pytest.raises(SettingsError, match="client="):
        ConversationMemory(
            async_client=EmbeddedRedis().async_client(), database=f"sqlite:///{file}"
        )


@pytest.mark.parametrize("name", ["password", "sslpassword", "oauth_client_secret"])
def test_a_password_is_shown_under_no_name(name: str) -> None:
    url = engines.parse(f"postgresql://me:one@host/db?{name}=two&passfile=three")
    assert engines.shown(url) == "postgresql://me@host/db?passfile=three"


def test_what_redis_alone_can_do_is_refused_at_once_while_it_is_known_away(
    redis_server: RedisServer, build: Build
) -> None:
    # Given a Redis that was found away, and would answer by now
    memory = build(redis_server.url)
    memory.start()
    tier_of(memory).redis_went(StoreUnavailableError("away"))
    sessions = SessionManager(memory=memory)
    # Then nobody asks it
    for refused in (
        lambda: memory.trim("c", 1),
        lambda: asyncio.run(sessions.extend_ttl("c", 60)),
        lambda: memory.clear_owner("ann"),
        memory.drain,
    ):
        with pytest.raises(StoreUnavailableError, match="is being looked for"):
            refused()


def test_to_open_a_database_that_hangs_is_given_up(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "MIGRATION_SECONDS", 0.2)
    monkeypatch.setattr(database, "migrate", lambda _: asyncio.sleep(30))

    async def work() -> None:
        archive = Archive(url)
        with pytest.raises(ArchiveUnavailableError, match="in time"):
            await archive.open()
        await archive.aclose()

    asyncio.run(work())
