"""Time to live: both keys of a conversation live and die together, whatever happens."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from support.faces import Call, both
from support.redis_server import RedisServer
from support.turns import make_turn, split_turns
from support.writers import Process, started

from openta_memory import ConversationMemory, SessionManager

LIST, META = "conversation:c", "conversation:meta:c"
TURN = make_turn(0, 0)
SHORT = 100


def ttls(server: RedisServer) -> tuple[int, int]:
    """Give the seconds that the messages and the meta data have left."""
    with server.client() as client:
        return client.ttl(LIST), client.ttl(META)


def shorten(server: RedisServer) -> None:
    """Let most of the time pass for one key and some for the other."""
    with server.client() as client:
        client.expire(LIST, SHORT)
        client.expire(META, SHORT + 50)


def run_session(memory: ConversationMemory, method: str, *args: Any) -> Any:
    """Call a method of a session manager."""
    return asyncio.run(getattr(SessionManager(memory=memory), method)(*args))


OPERATIONS: dict[str, Callable[[ConversationMemory, Call], Any]] = {
    "append": lambda memory, call: call(memory, "append", "c", TURN),
    "append nothing": lambda memory, call: call(memory, "append", "c", []),
    "read and append": lambda memory, call: call(memory, "window_then_append", "c", TURN),
    "window": lambda memory, call: call(memory, "window", "c"),
    "window of two": lambda memory, call: call(memory, "window", "c", limit=2),
    "trim": lambda memory, call: call(memory, "trim", "c", 4),
    "trim nothing": lambda memory, call: call(memory, "trim", "c", 1000),
    "metadata": lambda memory, call: call(memory, "metadata", "c"),
    "add_message": lambda memory, _: run_session(memory, "add_message", "c", "Why?", "Because."),
    "get_history": lambda memory, _: run_session(memory, "get_history", "c"),
    "extend_ttl": lambda memory, _: run_session(memory, "extend_ttl", "c"),
}
each_operation = pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS)


@both
@each_operation
@pytest.mark.parametrize("owner", [None, "u1"], ids=["unowned", "owned"])
def test_every_operation_renews_both_keys_alike(
    redis_server: RedisServer,
    operate: Callable[[ConversationMemory, Call], Any],
    call: Call,
    owner: str | None,
) -> None:
    # Given a conversation whose keys have some time behind them
    memory = ConversationMemory(redis_url=redis_server.url, ttl=3600)
    memory.append("c", [*TURN, *TURN], owner=owner)
    shorten(redis_server)
    # When anything is done with it
    operate(memory, call)
    # Then both have the whole time before them
    messages, meta = ttls(redis_server)
    assert messages == meta
    assert 3590 <= meta <= 3600
    memory.close()


@both
@each_operation
def test_a_time_to_live_of_its_own_holds_for_both_keys_from_then_on(
    redis_server: RedisServer, operate: Callable[[ConversationMemory, Call], Any], call: Call
) -> None:
    # Given a conversation with a time to live of its own
    memory = ConversationMemory(redis_url=redis_server.url, ttl=3600)
    memory.append("c", [*TURN, *TURN])
    assert run_session(memory, "extend_ttl", "c", 7200)
    assert ttls(redis_server) == (7200, 7200)
    shorten(redis_server)
    # When anything is done with it, then both keys have that time again
    operate(memory, call)
    messages, meta = ttls(redis_server)
    assert messages == meta
    assert 7190 <= meta <= 7200
    # And 0 keeps it for ever
    assert run_session(memory, "extend_ttl", "c", 0)
    assert ttls(redis_server) == (-1, -1)
    operate(memory, call)
    assert ttls(redis_server) == (-1, -1)
    memory.close()


@both
@each_operation
def test_a_ttl_of_0_keeps_for_ever_what_had_a_time_before(
    redis_server: RedisServer, operate: Callable[[ConversationMemory, Call], Any], call: Call
) -> None:
    # Given a conversation that a memory with a time to live wrote
    ConversationMemory(redis_url=redis_server.url, ttl=60).append("c", [*TURN, *TURN])
    # When a memory that keeps for ever does anything with it
    memory = ConversationMemory(redis_url=redis_server.url, ttl=0)
    operate(memory, call)
    # Then both keys are kept, and a memory with a time to live gives them one again
    assert ttls(redis_server) == (-1, -1)
    operate(ConversationMemory(redis_url=redis_server.url, ttl=60), call)
    assert ttls(redis_server) == (60, 60)
    memory.close()


@both
def test_nothing_of_a_conversation_stays_but_its_two_keys(
    redis_server: RedisServer, call: Call
) -> None:
    # Given a memory
    memory = ConversationMemory(redis_url=redis_server.url)
    with redis_server.client() as client:
        # When everything is done with a conversation that nobody owns
        for operate in OPERATIONS.values():
            operate(memory, call)
            # Then there are its two keys
            assert sorted(client.keys()) == [LIST.encode(), META.encode()]
        # And none when it is cleared, or was only asked for
        call(memory, "clear", "c")
        call(memory, "window", "c")
        call(memory, "metadata", "c", own_ttl=60)
        call(memory, "trim", "c", 4)
        assert client.keys() == []
    memory.close()


def test_a_writer_killed_anywhere_leaves_no_key_without_a_time_to_live(
    redis_server: RedisServer,
) -> None:
    # Given writers, each to a conversation of its own
    dice = random.Random(7)
    ids = [f"killed-{number}" for number in range(20)]
    for name in ids:
        writer = Process("write", redis_server.url, name, writer=1, turns=1_000_000)
        with started([writer]):
            # When each is killed somewhere in its work
            time.sleep(dice.uniform(0.0, 0.05))
            writer.kill()
    lengths = [inspect(redis_server, name) for name in ids]
    # Then all of that was looked at while there was something to see
    assert sum(length > 0 for length in lengths) >= 10


def inspect(server: RedisServer, session_id: str) -> int:
    """Check a conversation whose writer was killed, and give its length."""
    with server.client() as client:
        keys = client.keys(f"*{session_id}")
        assert len(keys) in (0, 2)
        times = {client.ttl(key) for key in keys}
        assert len(times) <= 1
        assert all(0 < seconds <= 3600 for seconds in times)
    messages = ConversationMemory(redis_url=server.url).history(session_id).messages
    split_turns(messages)
    return len(messages)


@both
def test_a_conversation_expires_as_a_whole(redis_server: RedisServer, call: Call) -> None:
    # Given a conversation that is kept for a second, filled bit by bit
    memory = ConversationMemory(redis_url=redis_server.url, ttl=1)
    for number in range(4):
        call(memory, "append", "c", make_turn(0, number))
        time.sleep(0.1)
    start = time.monotonic()
    with redis_server.client() as client:
        # When its time passes
        lengths = set()
        while (length := client.llen(LIST)) and time.monotonic() - start < 3:
            lengths.add(length)
            time.sleep(0.005)
        # Then it was whole to its last moment, and is gone as a whole
        assert lengths == {12}
        assert client.keys() == []
    assert call(memory, "metadata", "c") is None
    assert call(memory, "window", "c").messages == []
    # And a new one begins from nothing
    assert call(memory, "append", "c", TURN).seq == len(TURN)
    memory.close()


@both
def test_use_keeps_a_conversation_alive_beyond_its_time(
    redis_server: RedisServer, call: Call
) -> None:
    # Given a conversation that is kept for a second
    memory = ConversationMemory(redis_url=redis_server.url, ttl=1)
    call(memory, "append", "c", TURN)
    start = time.monotonic()
    # When it is read every now and then for longer than that
    while time.monotonic() - start < 1.3:
        assert len(call(memory, "window", "c").messages) == len(TURN)
        time.sleep(0.2)
    # Then it is still there
    assert call(memory, "metadata", "c").length == len(TURN)
    memory.close()


@both
def test_a_short_life_of_one_conversation_leaves_its_owners_index_to_the_others(
    redis_server: RedisServer, call: Call
) -> None:
    # Given two conversations of one owner
    memory = ConversationMemory(redis_url=redis_server.url, ttl=3600)
    for name in ("long", "short"):
        call(memory, "append", name, TURN, owner="u1")
    # When one is given a short time to live of its own
    call(memory, "metadata", "short", owner="u1", own_ttl=5)
    # Then the index lives as long as its newest member
    with redis_server.client() as client:
        assert client.ttl("openta:owner:u1") >= client.ttl("conversation:long")
    memory.close()
