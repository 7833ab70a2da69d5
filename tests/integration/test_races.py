"""Many writers on one conversation: nothing lost, doubled, torn or out of order."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from support.clients import Connections
from support.redis_server import RedisServer
from support.turns import assert_nothing_lost_or_doubled, make_turn, split_turns
from support.writers import Process, started

from openta_memory import ConversationMemory, aio, store
from openta_memory.settings import POOL_SIZE

WRITERS = range(16)


def test_sixteen_processes_lose_double_and_tear_nothing(redis_server: RedisServer) -> None:
    # Given 16 processes with a memory each
    processes = [
        Process("write", redis_server.url, "busy", writer=writer, turns=50, max_messages=0)
        for writer in WRITERS
    ]
    # When they write to one conversation at once
    with started(processes):
        assert [process.result() for process in processes] == [50] * 16
    # Then each turn is there once, its question directly before its own answer, in order
    messages = ConversationMemory(redis_url=redis_server.url).history("busy").messages
    assert_nothing_lost_or_doubled(messages, writers=WRITERS, turns=50)


def test_readers_see_whole_turns_within_the_cap_while_others_write(
    redis_server: RedisServer,
) -> None:
    # Given four writers and two readers of one conversation, with the default cap
    writers = [
        Process("write", redis_server.url, "capped", writer=writer, turns=150)
        for writer in range(4)
    ]
    readers = [Process("watch", redis_server.url, "capped", cap=50) for _ in range(2)]
    # When they write and read at once
    with started([*writers, *readers]):
        for writer in writers:
            assert writer.result() == 150
        for reader in readers:
            reader.stop()
        # Then every read began at a turn, held whole turns and no more than the cap
        assert all(reader.result() > 10 for reader in readers)
    # Then the last turns stay, as many whole ones as the cap takes (a turn is 2 or 4 messages)
    memory = ConversationMemory(redis_url=redis_server.url)
    messages = memory.history("capped").messages
    assert 47 <= len(messages) <= 50
    assert split_turns(messages)[-1][1] == 149
    metadata = memory.metadata("capped")
    assert metadata is not None
    assert metadata.seq == 4 * (100 * 2 + 50 * 4)


def test_threads_that_share_a_memory_lose_double_and_tear_nothing(
    redis_server: RedisServer,
) -> None:
    # Given one memory and 16 threads
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url, max_messages=0)
    at_once = Barrier(len(WRITERS))

    def write(writer: int) -> None:
        at_once.wait(10)
        for number in range(50):
            memory.history("threads").add_messages(make_turn(writer, number))

    # When all write at once
    with ThreadPoolExecutor(len(WRITERS)) as pool:
        list(pool.map(write, WRITERS))
    # Then nothing is lost, and no connection more than threads was opened
    messages = memory.history("threads").messages
    assert_nothing_lost_or_doubled(messages, writers=WRITERS, turns=50)
    assert 1 <= connections.count() <= min(len(WRITERS), POOL_SIZE)
    memory.close()


@pytest.mark.parametrize("size", [POOL_SIZE, 4])
def test_fifty_tasks_that_share_a_memory_lose_nothing_and_stay_in_the_pool(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    # Given one memory with the pool's usual size, and with one that the tasks must share
    monkeypatch.setattr(aio, "POOL_SIZE", size)
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url, max_messages=0)

    async def write(writer: int) -> None:
        for number in range(10):
            await memory.history("tasks").aadd_messages(make_turn(writer, number))

    async def chat() -> int:
        await asyncio.gather(*(write(writer) for writer in range(50)))
        messages = await memory.history("tasks").aget_messages()
        assert_nothing_lost_or_doubled(messages, writers=range(50), turns=10)
        return connections.count()

    # When 50 tasks write at once, then nothing is lost and the pool's size is kept
    opened = asyncio.run(chat())
    assert 1 <= opened <= size


def test_threads_wait_for_a_connection_when_the_pool_is_smaller(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a pool of two connections
    monkeypatch.setattr(store, "POOL_SIZE", 2)
    connections = Connections(redis_server)
    memory = ConversationMemory(redis_url=connections.url, max_messages=0)

    def write(writer: int) -> None:
        for number in range(20):
            memory.history("few").add_messages(make_turn(writer, number))

    # When 16 threads write
    with ThreadPoolExecutor(len(WRITERS)) as pool:
        list(pool.map(write, WRITERS))
    # Then all is stored over two connections
    messages = memory.history("few").messages
    assert_nothing_lost_or_doubled(messages, writers=WRITERS, turns=20)
    assert 1 <= connections.count() <= 2
    memory.close()
