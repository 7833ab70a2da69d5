"""While Redis is away the archive serves, and nothing is lost, doubled or out of order after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
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
    ids,
    look_often,
    read,
    wait_until_back,
)
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import (
    ConversationMemory,
    OwnerError,
    SessionManager,
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
def test_the_chat_goes_on_without_redis_and_is_whole_when_it_is_back(
    call: Call, redis: FailingRedis, build: Build
) -> None:
    # Given a conversation that Redis and the archive have
    memory = build(redis.server.url)
    say(memory, 0, 1)
    memory.drain()
    # When Redis goes away
    redis.go_away()
    # Then it is read and goes on
    shown = call(memory, "window", "c").messages
    assert [message.id for message in shown] == ids([0, 1])
    for number in (2, 3):
        call(memory, "append", "c", make_turn(1, number))
    shown = call(memory, "window", "c").messages
    assert [message.id for message in shown] == ids(range(4))
    assert shown[-6:] == [*make_turn(1, 2), *make_turn(1, 3)]
    # And when it is back, it goes on as if nothing had been
    redis.come_back()
    wait_until_back(memory)
    shown = call(memory, "window", "c").messages
    assert [message.id for message in shown] == ids(range(4))
    appended = call(memory, "append", "c", make_turn(1, 4))
    assert appended.seq == len(ids(range(5)))
    assert_whole(memory, redis.server, ids(range(5)))


def test_on_either_database_several_outages_leave_one_conversation(
    url: str, server: RedisServer, build: Build
) -> None:
    memory = build(server.url, database=url)
    for first in (0, 6, 12):
        # What was drained, what waits on the outbox, and what is said while Redis is away
        say(memory, first, first + 1)
        memory.drain()
        say(memory, first + 2, first + 3)
        server.kill()
        say(memory, first + 4, first + 5)
        server.start()
        wait_until_back(memory)
    assert_whole(memory, server, ids(range(18)))


def test_a_conversation_can_begin_while_redis_is_away(redis: FailingRedis, build: Build) -> None:
    memory = build(redis.server.url)
    redis.go_away()
    assert memory.window("c").messages == []
    assert memory.metadata("c") is None
    appended = memory.append("c", make_turn(1, 0), owner="ann")
    assert (appended.created, appended.length) == (True, len(ids([0])))
    assert not memory.append("c", make_turn(1, 1), owner="ann").created
    memory.append("empty", [], owner="ann")
    redis.come_back()
    wait_until_back(memory)
    found = memory.metadata("c", owner="ann")
    assert found is not None
    assert (found.owner, found.seq) == ("ann", len(ids(range(2))))
    assert memory.metadata("empty", owner="ann") is not None
    assert_whole(memory, redis.server, ids(range(2)))


def test_an_append_that_a_hung_redis_does_late_is_there_once(
    server: RedisServer, build: Build
) -> None:
    # Given messages without ids, and a Redis that hangs
    memory = build(server.url)
    memory.append("c", [HumanMessage("one")])
    server.pause()
    # When one is appended, which Redis takes and does not answer
    memory.append("c", [HumanMessage("two")])
    memory.append("c", [HumanMessage("three")])
    server.resume()
    wait_until_back(memory)
    # Then Redis did it too, and it is there once
    assert added(server) == 2
    assert [message.text for message in memory.window("c").messages] == ["one", "two", "three"]
    memory.drain()
    assert [seq for seq, _ in memory.archived("c")] == [1, 2, 3]


@both
def test_only_the_first_caller_waits_for_a_redis_that_hangs(
    call: Call, server: RedisServer, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch, answer_seconds=1.5)
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    server.pause()
    began = time.monotonic()
    call(memory, "window", "c")
    assert 1 < time.monotonic() - began < 4
    for name, args in (("window", ("c",)), ("append", ("c", make_turn(1, 1))), ("clear", ("d",))):
        began = time.monotonic()
        call(memory, name, *args)
        assert time.monotonic() - began < 1, name
    server.resume()


def test_callers_that_come_at_once_all_are_served(server: RedisServer, build: Build) -> None:
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    server.kill()
    with ThreadPoolExecutor(12) as callers:
        for number in range(24):
            callers.submit(memory.append, f"c{number % 6}", make_turn(number, 0)).add_done_callback(
                lambda done: done.result()
            )
        shown = list(callers.map(lambda _: read(memory), range(12)))
    assert shown == [ids([0])] * 12
    server.start()
    wait_until_back(memory)
    for number in range(6):
        found = read(memory, f"c{number}")
        expected = [message.id for each in range(4) for message in make_turn(number + 6 * each, 0)]
        assert sorted(map(str, found)) == sorted(map(str, expected))


def test_limits_and_caps_begin_at_a_turn_as_ever(server: RedisServer, build: Build) -> None:
    memory = build(server.url, max_messages_per_session=7)
    say(memory, 1, 2, 3, 4)
    memory.drain()
    before = {limit: read(memory, limit=limit) for limit in (None, 1, 2, 3, 4, 5)}
    server.kill()
    assert {limit: read(memory, limit=limit) for limit in before} == before
    with pytest.raises(ValueError, match="limit"):
        memory.window("c", limit=0)
    say(memory, 5, 6)
    while_away = {limit: read(memory, limit=limit) for limit in before}
    assert while_away[None] == ids([5, 6])
    server.start()
    wait_until_back(memory)
    assert {limit: read(memory, limit=limit) for limit in before} == while_away


def test_what_is_known_of_a_conversation_is_told_while_redis_is_away(
    server: RedisServer, build: Build
) -> None:
    memory = build(server.url)
    say(memory, 0, owner="ann")
    memory.drain()
    before = memory.metadata("c", owner="ann")
    server.kill()
    assert memory.metadata("c", owner="ann") == before
    assert memory.window("c").metadata == before
    say(memory, 1)
    after = memory.metadata("c", owner="ann")
    assert before is not None
    assert after is not None
    assert (after.owner, after.length) == ("ann", len(ids([0, 1])))
    assert after.updated_at is not None
    assert before.updated_at is not None
    assert after.updated_at >= before.updated_at


@both
def test_all_that_was_said_can_be_paged_while_redis_is_away(
    call: Call, server: RedisServer, build: Build
) -> None:
    memory = build(server.url, max_messages_per_session=4)
    say(memory, *range(4))
    memory.drain()
    server.kill()
    say(memory, 4, 5)
    pages: list[list[str | None]] = []
    before = None
    while page := call(memory, "archived", "c", before=before, limit=5):
        pages.insert(0, [message.id for _, message in page])
        before = page[0][0]
    assert [len(page) for page in pages[1:]] == [5] * (len(pages) - 1)
    assert [each for page in pages for each in page] == ids(range(6))


@both
def test_nobody_else_gets_near_a_conversation_while_redis_is_away(
    call: Call, server: RedisServer, build: Build
) -> None:
    memory = build(server.url)
    say(memory, 0, owner="ann")
    memory.drain()
    server.kill()
    for name, args in (
        ("window", ()),
        ("append", (make_turn(2, 0),)),
        ("window_then_append", (make_turn(2, 0),)),
        ("metadata", ()),
        ("clear", ()),
        ("archived", ()),
    ):
        with pytest.raises(OwnerError):
            call(memory, name, "c", *args, owner="bob")
    assert [message.id for message in call(memory, "window", "c", owner="ann").messages] == ids([0])
    server.start()
    wait_until_back(memory)
    with pytest.raises(OwnerError):
        call(memory, "window", "c", owner="bob")
    assert_whole(memory, server, ids([0]))


def answering(text: str) -> Runnable[Any, Any]:
    return RunnableLambda(lambda _: AIMessage(text))


def test_an_unmodified_runnable_goes_on_while_redis_is_away(
    redis: FailingRedis, build: Build
) -> None:
    memory = build(redis.server.url)
    config: Any = {"configurable": {"session_id": "c"}}

    def ask(number: int) -> None:
        chain: Runnable[Any, Any] = RunnableWithMessageHistory(
            answering(f"answer {number}"), memory.turn
        )
        chain.invoke([HumanMessage(f"question {number}")], config)

    ask(0)
    memory.drain()
    redis.go_away()
    ask(1)
    handle = memory.turn("c")
    handle.begin("question 2")
    assert [message.text for message in handle.messages][-1] == "answer 1"
    handle.add_messages([HumanMessage("question 2"), AIMessage("answer 2")])
    redis.come_back()
    wait_until_back(memory)
    ask(3)
    said = [f"{who} {number}" for number in range(4) for who in ("question", "answer")]
    assert [message.text for message in memory.window("c").messages] == said


def test_what_only_redis_can_do_says_that_redis_is_away(server: RedisServer, build: Build) -> None:
    memory = build(server.url)
    sessions = SessionManager(memory=memory)
    say(memory, 0)
    memory.drain()
    server.kill()
    for refused in (
        lambda: memory.trim("c", 1),
        lambda: asyncio.run(sessions.extend_ttl("c", 60)),
        memory.ping,
        memory.drain,
    ):
        with pytest.raises(StoreUnavailableError):
            refused()
    assert read(memory) == ids([0])
