"""A clear holds, and takes nothing said after it, while Redis is away and when it is back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from support.faces import Call, both
from support.operations import StartRedis
from support.outages import (
    KEEPING,
    KINDS,
    Build,
    FailingRedis,
    added,
    assert_whole,
    building,
    held,
    ids,
    look_often,
    read,
    wait_until_back,
    waiting,
)
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import ConversationMemory, OwnerError, StoreUnavailableError
from openta_memory.scripts import load
from openta_memory.store import RedisStore


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    look_often(monkeypatch)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    yield from building(f"sqlite:///{tmp_path / 'archive.db'}")


@pytest.fixture(params=KINDS)
def redis(request: pytest.FixtureRequest, start_redis: StartRedis) -> FailingRedis:
    options, go, come_back = KINDS[request.param]
    return FailingRedis(start_redis(*options), go, come_back)


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    return start_redis(*KEEPING)


def say(memory: ConversationMemory, *numbers: int, **given: Any) -> None:
    for number in numbers:
        memory.append("c", make_turn(1, number), **given)


def hang_at(patch: pytest.MonkeyPatch, server: RedisServer, verb: str) -> None:
    """Let Redis hang when it is sent a script, which it does when it goes on."""
    exchange, sha = RedisStore._exchange, load(verb).sha
    with server.client() as client:
        client.script_load(load(verb).source)

    def hang(self: RedisStore, spelled: list[tuple[Any, ...]]) -> list[Any]:
        if any(sha in words for words in spelled):
            server.pause()
        return exchange(self, spelled)

    patch.setattr(RedisStore, "_exchange", hang)


@both
def test_a_clear_past_redis_holds_when_redis_is_back(
    call: Call, redis: FailingRedis, build: Build
) -> None:
    # Given a conversation that is archived, and its end that waits to be
    memory = build(redis.server.url)
    say(memory, 0, 1, owner="ann")
    memory.drain()
    say(memory, 2, owner="ann")
    # When it is cleared while Redis is away
    redis.go_away()
    with pytest.raises(OwnerError):
        call(memory, "clear", "c", owner="bob")
    assert call(memory, "clear", "c", owner="ann") is True
    # Then it is gone at once, and for good
    assert read(memory) == []
    assert memory.archived("c") == []
    assert memory.metadata("c") is None
    assert memory.clear("c", owner="ann") is False
    redis.come_back()
    wait_until_back(memory)
    assert read(memory) == []
    memory.drain()
    assert memory.archived("c") == []
    assert held(redis.server) == []
    assert waiting(redis.server) == 0


@pytest.mark.parametrize("is_drained", [True, False], ids=["archived", "waiting"])
def test_what_is_said_behind_a_clear_past_redis_stays_and_is_numbered_from_one(
    redis: FailingRedis, build: Build, is_drained: bool
) -> None:
    memory = build(redis.server.url)
    say(memory, 0, 1)
    if is_drained:
        memory.drain()
    redis.go_away()
    memory.clear("c")
    say(memory, 2)
    memory.clear("c")
    say(memory, 3, 4)
    assert read(memory) == ids([3, 4])
    redis.come_back()
    wait_until_back(memory)
    assert read(memory) == ids([3, 4])
    say(memory, 5)
    assert_whole(memory, redis.server, ids([3, 4, 5]))


def test_a_clear_that_redis_does_late_takes_nothing_said_after_it(
    server: RedisServer, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a Redis that hangs when it is asked to clear
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    with monkeypatch.context() as patch:
        hang_at(patch, server, "clear")
        assert memory.clear("c") is True
    # When the conversation begins anew, and Redis goes on
    say(memory, 1)
    server.resume()
    wait_until_back(memory)
    # Then Redis cleared too, and what was said after is there
    assert added(server) == 2
    assert read(memory) == ids([1])
    assert_whole(memory, server, ids([1]))


def test_a_clear_that_redis_does_late_takes_nothing_said_after_a_second_clear(
    server: RedisServer, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    with monkeypatch.context() as patch:
        hang_at(patch, server, "clear")
        assert memory.clear("c") is True
    say(memory, 1)
    assert memory.clear("c") is True
    say(memory, 2)
    server.resume()
    wait_until_back(memory)
    assert added(server) == 2
    assert read(memory) == ids([2])
    assert_whole(memory, server, ids([2]))


def test_an_append_that_redis_does_late_does_not_bring_back_what_was_cleared(
    server: RedisServer, build: Build
) -> None:
    # Given a Redis that hangs while a message without an id is appended
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    server.pause()
    memory.append("c", [HumanMessage("to be forgotten")])
    # When the conversation is cleared, and Redis goes on
    assert memory.clear("c") is True
    say(memory, 1)
    server.resume()
    wait_until_back(memory)
    # Then Redis did the append, which is cleared as well
    assert added(server) == 2
    assert read(memory) == ids([1])
    assert_whole(memory, server, ids([1]))


def test_nobody_else_clears_what_the_archive_has_not_heard_of_yet(
    server: RedisServer, build: Build
) -> None:
    # Given a conversation that still waits to be archived
    memory = build(server.url)
    say(memory, 0, owner="ann")
    server.kill()
    # When somebody else, whom nobody can refuse, clears it
    for owner in ("bob", "ann"):
        with pytest.raises(StoreUnavailableError, match="Redis"):
            memory.clear("c", owner=owner)
    server.start()
    wait_until_back(memory)
    # Then it is there as ever
    assert read(memory, owner="ann") == ids([0])
    assert memory.clear("c", owner="ann") is True


def test_a_trusted_caller_clears_what_the_archive_has_not_heard_of_yet(
    server: RedisServer, build: Build
) -> None:
    memory = build(server.url)
    say(memory, 0, owner="ann")
    server.kill()
    assert memory.clear("c") is False
    server.start()
    wait_until_back(memory)
    assert read(memory) == []
    memory.drain()
    assert memory.archived("c") == []
