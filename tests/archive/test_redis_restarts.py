"""Redis is killed and started again: what was acknowledged before is there after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.chatters import archiving, assert_kept, tell
from support.operations import StartRedis
from support.redis_server import RedisServer

from openta_memory import ConversationMemory
from openta_memory._outbox import read_new
from openta_memory.settings import MemorySettings

KEEPING = ("--appendonly", "yes", "--appendfsync", "always")
OUTBOX = "openta:outbox"

Build = Callable[..., ConversationMemory]


@pytest.fixture
def build(url: str) -> Iterator[Build]:
    """Build memories of one database, and close them."""
    built: list[ConversationMemory] = []

    def build(server: RedisServer, interval: float | None = None) -> ConversationMemory:
        given: dict[str, Any] = {"redis_url": server.url, **archiving(url, interval)}
        built.append(ConversationMemory(settings=MemorySettings.load(**given)))
        return built[-1]

    yield build
    for memory in built:
        memory.close()


def restart(server: RedisServer) -> None:
    server.kill()
    server.start()


def waiting(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.xlen(OUTBOX))


@pytest.mark.parametrize("interval", [0, None], ids=["archived at once", "archived later"])
@pytest.mark.parametrize("options", [KEEPING, ()], ids=["with persistence", "without"])
def test_what_was_acknowledged_and_archived_outlives_a_redis_that_is_killed(
    start_redis: StartRedis, build: Build, options: tuple[str, ...], interval: float | None
) -> None:
    # Given conversations that were archived, at once or by a drain
    server = start_redis(*options)
    memory = build(server, interval)
    said = {name: tell(memory, name, 1, range(20)) for name in ("c", "d")}
    if interval is None:
        memory.drain()
    # When Redis is killed and started again, twice
    for begin in (20, 25):
        restart(server)
        # Then the same memory reads and appends as if nothing had been, and so does a new one
        assert memory.window("c").messages[-1].id == f"1-{begin - 1}-answer"
        said["c"] += tell(memory, "c", 1, range(begin, begin + 4))
        said["d"] += tell(memory, "d", 1, range(begin, begin + 4))
        later = build(server, interval)
        said["c"] += tell(later, "c", 1, [begin + 4])
        said["d"] += tell(later, "d", 1, [begin + 4])
        if interval is None:
            later.drain()
    assert_kept(memory, "c", said["c"])
    assert_kept(memory, "d", said["d"])


def test_what_waits_on_the_outbox_outlives_a_redis_that_keeps_what_it_has(
    start_redis: StartRedis, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given turns on the outbox, some of them taken by a drain that died with Redis
    monkeypatch.setattr("openta_memory.archive.drain.TAKE_OVER_MS", 0)
    server = start_redis(*KEEPING)
    memory = build(server)
    said = tell(memory, "c", 1, range(5))
    memory.drain()
    said += tell(memory, "c", 1, range(5, 15))
    memory._connections.store.run(read_new(OUTBOX, "a dead one", 4))
    # When Redis is killed and started again
    restart(server)
    assert waiting(server) == 10
    said += tell(memory, "c", 1, range(15, 18))
    # Then all of it is archived
    memory.drain()
    assert waiting(server) == 0
    assert_kept(memory, "c", said)


def test_without_persistence_no_more_than_what_waited_on_the_outbox_is_lost(
    start_redis: StartRedis, build: Build
) -> None:
    # Given a conversation whose end was not archived yet
    server = start_redis()
    memory = build(server)
    said = tell(memory, "c", 1, range(10))
    memory.drain()
    tell(memory, "c", 1, range(10, 13))
    # When Redis forgets all
    restart(server)
    # Then the conversation goes on from where it was archived, and its numbers too
    assert memory.window("c").messages[-1].id == "1-9-answer"
    said += tell(memory, "c", 1, range(10, 15))
    assert_kept(memory, "c", said)
