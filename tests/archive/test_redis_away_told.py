"""What is told, logged and ended while Redis is away."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.databases import PostgresDatabase
from support.faces import Call, both
from support.operations import SECRET, StartRedis
from support.outages import (
    KEEPING,
    KINDS,
    Build,
    FailingRedis,
    assert_whole,
    building,
    ids,
    is_away,
    look_often,
    read,
    wait_until_back,
)
from support.postgres import PASSWORD, PostgresServer
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import (
    ArchiveUnavailableError,
    ConversationMemory,
    StoreUnavailableError,
)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    look_often(monkeypatch)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    """Build memories over one database, and close them."""
    yield from building(f"sqlite:///{tmp_path / 'archive.db'}")


@pytest.fixture(params=KINDS)
def redis(request: pytest.FixtureRequest, start_redis: StartRedis) -> FailingRedis:
    """A Redis that goes away in each of the ways."""
    options, go, come_back = KINDS[request.param]
    return FailingRedis(start_redis(*options), go, come_back)


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    return start_redis(*KEEPING)


def say(memory: ConversationMemory, *numbers: int, **given: Any) -> None:
    for number in numbers:
        memory.append("c", make_turn(1, number), **given)


@both
def test_when_both_are_away_the_error_names_both_and_no_password(
    call: Call, server: RedisServer, build: Build, shared_postgres: PostgresServer
) -> None:
    # Given passwords for both
    with server.client() as client:
        client.config_set("requirepass", SECRET)
    away = PostgresDatabase(shared_postgres)
    memory = build(f"redis://:{SECRET}@127.0.0.1:{server.port}", database=away.url)
    say(memory, 0)
    memory.drain()
    # When both go away
    server.kill()
    away.go_away()
    # Then every call says so
    for name, args in (
        ("window", ("c",)),
        ("append", ("c", make_turn(1, 1))),
        ("metadata", ("c",)),
        ("clear", ("c",)),
        ("archived", ("c",)),
    ):
        with pytest.raises(StoreUnavailableError) as failure:
            call(memory, name, *args)
        assert "Redis" in str(failure.value)
        assert f"127.0.0.1:{shared_postgres.port}" in str(failure.value)
        shown = "".join(traceback.format_exception(failure.value))
        assert SECRET not in shown
        assert PASSWORD not in shown
    # And the archive serves once it is back
    away.come_back()
    assert read(memory) == ids([0])


def test_the_log_says_what_happens_and_never_what_was_said(
    redis: FailingRedis, build: Build, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="openta_memory")
    memory = build(redis.server.url)
    say(memory, 0)
    memory.drain()
    redis.go_away()
    say(memory, 1, 2)
    redis.come_back()
    wait_until_back(memory)
    read(memory)
    lines = [record.getMessage() for record in caplog.records]
    assert sum("The archive serves alone" in line for line in lines) == 1
    assert sum("Redis is back" in line for line in lines) == 1
    assert not [line for line in lines if "question 1-" in line or "answer 1-" in line]


def test_a_redis_that_starts_later_than_the_memory_is_found(
    start_redis: StartRedis, build: Build
) -> None:
    server = start_redis()
    server.kill()
    memory = build(server.url)
    say(memory, 0, 1)
    assert is_away(memory)
    assert read(memory) == ids([0, 1])
    server.start()
    wait_until_back(memory)
    say(memory, 2)
    assert_whole(memory, server, ids(range(3)))


def test_a_memory_closes_though_a_driver_takes_its_end_for_a_failure(
    server: RedisServer, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a drain, and a look for Redis, that are cancelled and tell of a failure instead
    memory = build(server.url, interval=0.01)
    say(memory, 0)
    tier = memory._flows.tier
    assert tier is not None
    stubborn = [3, 3]

    async def fail(which: int) -> int:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stubborn[which] -= 1
            if stubborn[which] < 0:
                raise
        raise ArchiveUnavailableError("the connection is closed")

    monkeypatch.setattr(tier, "_sync", lambda: fail(0))
    monkeypatch.setattr(tier._outage, "_find", lambda: fail(1))
    server.kill()
    read(memory)
    began = time.monotonic()
    time.sleep(0.2)
    # When it closes, then that ends
    memory.close()
    assert time.monotonic() - began < 5
    assert min(stubborn) < 3


def test_a_port_that_takes_connections_and_says_nothing_is_gone_past(build: Build) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        memory = build(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        say(memory, 0)
        assert read(memory) == ids([0])
        assert is_away(memory)
