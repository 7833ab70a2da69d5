"""Event loops and connections: one memory on several loops, one pool, nothing left open."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from support.clients import Connections
from support.redis_server import RedisServer
from support.turns import make_turn
from support.writers import child_environment

from openta_memory import ConversationMemory, RedisChatMessageHistory, StoreTimeoutError, aio
from openta_memory.settings import POOL_SIZE

StartRedis = Callable[..., RedisServer]
TURN = make_turn(0, 0)

THREE_LOOPS = """
import asyncio, sys
from openta_memory import ConversationMemory, SessionManager

async def chat(memory, tasks):
    await asyncio.gather(*(memory.aappend("c", []) for _ in range(tasks)))
    await SessionManager(memory=memory).add_message("c", question="Why?", answer="Because.")
    return (await memory.awindow("c")).metadata.seq

memory = ConversationMemory(redis_url=sys.argv[1])
print([asyncio.run(chat(memory, 5)) for _ in range(3)])
memory.close()
"""


def test_one_memory_serves_three_loops_without_a_warning(redis_server: RedisServer) -> None:
    # Given a program that treats every warning as an error
    command = [sys.executable, "-W", "error", "-c", THREE_LOOPS, redis_server.url]
    # When it uses one memory in three asyncio.run calls
    done = subprocess.run(
        command, capture_output=True, text=True, env=child_environment(), timeout=60, check=False
    )
    # Then all work, and nothing is said of unclosed sockets or closed loops
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "[2, 4, 6]"


def test_connections_end_with_their_loop(redis_server: RedisServer) -> None:
    # Given a memory
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url)

    async def chat() -> int:
        await asyncio.gather(*(memory.aappend("c", TURN) for _ in range(8)))
        return connections.count()

    for _ in range(3):
        # When a loop that used it ends
        assert asyncio.run(chat()) == 8
        # Then its connections are closed
        assert connections.settle(0) == 0


def test_connections_end_with_aclose_and_open_again_after(redis_server: RedisServer) -> None:
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url)

    async def chat() -> None:
        for _ in range(2):
            # Given a memory in use by async and sync callers
            await memory.aappend("c", TURN)
            await asyncio.to_thread(memory.append, "c", TURN)
            assert connections.count() == 2
            # When it is closed, then its connections are; it can be used again
            await memory.aclose()
            assert connections.settle(0) == 0

    asyncio.run(chat())


def test_closing_on_one_loop_leaves_the_connections_of_another(redis_server: RedisServer) -> None:
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url)

    async def other() -> None:
        await memory.aappend("c", TURN)
        assert connections.count() == 2
        await memory.aclose()

    async def chat() -> None:
        # Given a memory in use on this loop
        await memory.aappend("c", TURN)
        mine = connections.ids()
        # When another loop, in a thread, uses and closes it
        await asyncio.to_thread(asyncio.run, other())
        # Then this loop keeps its connection
        assert connections.settle(1) == 1
        await memory.aappend("c", TURN)
        assert connections.ids() == mine

    asyncio.run(chat())


@pytest.mark.parametrize("of_one_memory", [True, False], ids=["one memory", "on their own"])
def test_fifty_histories_open_no_connection_and_read_over_one(
    redis_server: RedisServer, *, of_one_memory: bool
) -> None:
    # Given 50 histories
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url)
    if of_one_memory:
        histories = [memory.history(f"c{n}") for n in range(50)]
    else:
        histories = [RedisChatMessageHistory(f"c{n}", redis_url=connections.url) for n in range(50)]
    # Then building them opened nothing
    assert connections.count() == 0
    # When each is read once, one after the other, then one connection serves all
    assert [history.messages for history in histories] == [[]] * 50
    assert connections.count() == 1

    async def read_all() -> int:
        for history in histories:
            await history.aget_messages()
        return connections.count()

    # Also on an event loop
    assert asyncio.run(read_all()) == 2
    histories[0].memory.close()


def test_a_thousand_turns_at_fifty_at_once_keep_to_the_pool(redis_server: RedisServer) -> None:
    # Given one memory
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url)

    async def run(number: int) -> None:
        turn = memory.turn(f"c{number % 50}")
        await turn.aget_messages()
        await turn.aadd_messages([HumanMessage(f"Why {number}?"), AIMessage("Because.")])

    async def chat() -> None:
        opened = []
        # When 1,000 turns run, 50 at once
        for first in range(0, 1000, 50):
            await asyncio.gather(*(run(first + n) for n in range(50)))
            opened.append(connections.ids())
        # Then the pool's size is kept, and after the first fifty turns none is opened or closed
        assert len(opened[0]) <= POOL_SIZE
        assert all(ids == opened[0] for ids in opened)

    asyncio.run(chat())


def test_a_paused_redis_never_blocks_the_event_loop(
    start_redis: StartRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a Redis that hangs
    monkeypatch.setattr(aio, "SOCKET_SECONDS", 0.5)
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)

    async def longest_pause() -> float:
        longest, last = 0.0, time.monotonic()
        while True:
            await asyncio.sleep(0.005)
            longest, last = max(longest, (now := time.monotonic()) - last), now
            if waiting.done():
                return longest

    async def wait_for_redis() -> None:
        # When connected and new connections wait for it
        with pytest.raises(StoreTimeoutError):
            await memory.awindow("c")
        with pytest.raises(StoreTimeoutError):
            await memory.aappend("c", TURN)

    async def chat() -> float:
        nonlocal waiting
        await memory.aappend("c", TURN)
        server.pause()
        waiting = asyncio.ensure_future(wait_for_redis())
        longest = await longest_pause()
        await waiting
        server.resume()
        return longest

    waiting: asyncio.Future[None]
    # Then another task keeps running meanwhile
    assert asyncio.run(chat()) < 0.25


def test_a_refusing_redis_never_blocks_the_event_loop(start_redis: StartRedis) -> None:
    # Given a memory of a Redis that is gone
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)
    server.kill()

    async def chat() -> float:
        waiting = asyncio.ensure_future(memory.aappend("c", TURN))
        longest, last = 0.0, time.monotonic()
        # When a call tries to reach it
        while not waiting.done():
            await asyncio.sleep(0.005)
            longest, last = max(longest, (now := time.monotonic()) - last), now
        assert isinstance(waiting.exception(), ConnectionError)
        return longest

    # Then another task keeps running meanwhile
    assert asyncio.run(chat()) < 0.25


def test_a_cancelled_call_hands_its_reply_to_nobody_else(redis_server: RedisServer) -> None:
    # Given two conversations, and a memory with one connection to share
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aio, "POOL_SIZE", 1)
        memory = ConversationMemory(redis_url=redis_server.url)

        async def chat() -> None:
            await memory.aappend("one", make_turn(1, 1))
            await memory.aappend("two", make_turn(2, 1))
            for steps in range(12):
                # When a read of the one is cancelled at any of its steps
                read = asyncio.ensure_future(memory.awindow("one"))
                for _ in range(steps):
                    await asyncio.sleep(0)
                read.cancel()
                await asyncio.gather(read, return_exceptions=True)
                # Then a read of the other gets the other
                window = await memory.awindow("two")
                assert [m.id for m in window.messages] == ["2-1-question", "2-1-answer"]

        asyncio.run(chat())


DROPPED_MEMORY = """
import asyncio, gc, sys
from openta_memory import ConversationMemory

class Loop(asyncio.SelectorEventLoop):
    async def shutdown_asyncgens(self):
        gc.collect()  # as the collector may at any moment
        await super().shutdown_asyncgens()

async def main():
    gc.disable()
    memory = ConversationMemory(redis_url=sys.argv[1])
    memory.cycle = memory  # as the traceback of a retried error makes one
    await memory.aappend("c", [])

with asyncio.Runner(loop_factory=Loop) as runner:
    runner.run(main())
"""


def test_a_memory_that_is_dropped_in_its_loop_closes_its_connections(
    redis_server: RedisServer,
) -> None:
    # Given a program that forgets its memory when its main coroutine ends
    command = [sys.executable, "-W", "error", "-c", DROPPED_MEMORY, redis_server.url]
    # When it runs
    done = subprocess.run(
        command, capture_output=True, text=True, env=child_environment(), timeout=60, check=False
    )
    # Then its connections are closed, and nothing is said of unclosed ones or pending tasks
    assert (done.returncode, done.stderr) == (0, "")


def test_a_loop_that_is_only_closed_is_not_kept(redis_server: RedisServer) -> None:
    # Given a memory that is used on loops that nobody shuts down as asyncio.run does
    memory = ConversationMemory(redis_url=redis_server.url)

    async def use() -> None:
        await memory.awindow("c")
        (client,) = memory._connections.async_store._clients._held.values()
        await client.client.connection_pool.disconnect()

    for _ in range(5):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(use())
        loop.close()
    # When it is used again, then only the running loop's client is kept
    asyncio.run(memory.awindow("c"))
    assert len(memory._connections.async_store._clients._held) <= 1
    assert len(aio._LoopClient._open) == 0
    memory.close()
