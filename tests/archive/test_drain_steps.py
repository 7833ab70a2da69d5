"""A drain that dies or fails at each of its steps loses nothing and stores nothing twice."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from concurrent.futures import CancelledError

import pytest
from support.chatters import Acknowledged, archiving, assert_kept, tell
from support.redis_server import RedisServer
from support.steps import COUNT, At, drain_until_killed, each_step, strike
from support.writers import Process, started

from openta_memory import (
    ArchiveError,
    ArchiveUnavailableError,
    ConversationMemory,
    OpenTAMemoryError,
    StoreUnavailableError,
)

TURNS, OUTBOX = 3 * COUNT, "openta:outbox"


@pytest.fixture
def memory(
    redis_server: RedisServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ConversationMemory]:
    """A memory whose drain need not wait until a dead one's entries are its own."""
    monkeypatch.setattr("openta_memory.archive.drain.TAKE_OVER_MS", 0)
    memory = ConversationMemory(redis_url=redis_server.url, database=url)
    yield memory
    memory.close()


@pytest.fixture
def said(memory: ConversationMemory) -> list[Acknowledged]:
    """A conversation that waits on the outbox, whole."""
    return tell(memory, "c", 1, range(TURNS))


def waiting(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.xlen(OUTBOX))


def assert_archived(
    server: RedisServer, memory: ConversationMemory, said: list[Acknowledged]
) -> None:
    """Check what is kept when the conversation goes on, and after Redis forgot it."""
    said = [*said, *tell(memory, "c", 1, range(len(said), len(said) + 2))]
    memory.drain()
    assert waiting(server) == 0
    assert_kept(memory, "c", said)
    with server.client() as client:
        client.flushall()
    assert_kept(memory, "c", said)


@each_step
@pytest.mark.parametrize("time", [1, 2])
def test_a_drain_killed_at_a_step_leaves_the_rest_to_the_next(
    redis_server: RedisServer,
    url: str,
    memory: ConversationMemory,
    said: list[Acknowledged],
    *,
    step: str,
    time: int,
) -> None:
    # Given a process that drains, and is killed at a step of its first or second batch
    settings = archiving(url)
    killed = Process(drain_until_killed, redis_server.url, "c", settings=settings,
                     step=step, time=time)  # fmt: skip
    with started([killed]):
        assert killed.wait_ended() == -signal.SIGKILL
    # When another one drains what it left
    settled = time if step == "settled" else time - 1
    assert waiting(redis_server) == TURNS - settled * COUNT
    # Then all that was acknowledged is archived, once
    assert_archived(redis_server, memory, said)


def archive_is_away() -> None:
    raise ArchiveUnavailableError("away")


def archive_refuses() -> None:
    raise ArchiveError("refused")


def redis_is_away() -> None:
    raise StoreUnavailableError("away")


def is_cancelled() -> None:
    raise asyncio.CancelledError


FAILURES = (archive_is_away, archive_refuses, redis_is_away, is_cancelled)


@each_step
def test_a_drain_that_fails_at_a_step_goes_on_where_it_was(
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    memory: ConversationMemory,
    said: list[Acknowledged],
    step: str,
) -> None:
    for fails in FAILURES:
        # Given a drain that fails at a step of its second batch
        with monkeypatch.context() as patch:
            strike(patch, step, At(2, fails))
            with pytest.raises((OpenTAMemoryError, CancelledError)):
                memory.drain()
            assert waiting(redis_server) == (COUNT if step == "settled" else 2 * COUNT)
            # When the same memory drains again
            memory.drain()
        # Then nothing waits any more
        assert waiting(redis_server) == 0
        said += tell(memory, "c", 1, range(len(said), len(said) + TURNS))
    # And all that was acknowledged is archived, once
    assert_archived(redis_server, memory, said)
