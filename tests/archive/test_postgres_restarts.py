"""PostgreSQL restarts under load: callers notice nothing, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import Pipe
from typing import Any

import pytest
from support.archives import using
from support.chatters import (
    ALL,
    WAIT_SECONDS,
    Acknowledged,
    archiving,
    assert_kept,
    converse,
    insist,
    wait_until,
)
from support.postgres import KEEPING, PostgresServer, running_postgres
from support.redis_server import RedisServer
from support.writers import Process, Task, started

from openta_memory import ConversationMemory
from openta_memory.settings import MemorySettings

WRITERS = 3
META = "conversation:meta:busy"

both_modes = pytest.mark.parametrize("mode", ["fast", "immediate"])


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A cluster that tests may restart, and that keeps what it committed."""
    with running_postgres(KEEPING) as server:
        yield server


@pytest.fixture
def url(own_postgres: PostgresServer) -> str:
    """The URL of a database of the test's own, with its tables."""
    url = own_postgres.new_database()
    using(url, lambda archive: archive.ping())
    return url


def said(server: RedisServer) -> int:
    """Give the number of the last message that was appended."""
    with server.client() as client:
        return int(client.hget(META, "seq") or 0)


def follows(server: PostgresServer, url: str, seq: int) -> bool:
    """Say whether a later message than this one is archived."""
    asked = "SELECT coalesce(max(seq), 0) FROM messages"
    return int(server.psql(asked, url.rpartition("/")[2])) > seq


class Caller:
    """A thread that converses through a memory that others use too."""

    has_failed = False

    def __init__(self, pool: ThreadPoolExecutor, memory: ConversationMemory, writer: int) -> None:
        self._line, theirs = Pipe()
        self._told = pool.submit(converse, memory, "busy", theirs, writer=writer, turns=ALL)

    def stop(self) -> None:
        self._line.send("stop")

    def result(self) -> Any:
        return self._told.result(WAIT_SECONDS)


def chatted(
    redis: RedisServer, own: PostgresServer, url: str, mode: str, by: Sequence[Process | Caller]
) -> list[Acknowledged]:
    """Restart the database twice while callers write; give what they were told."""
    try:
        wait_until(partial(follows, own, url, 0), "the callers begin", by=by)
        for _ in range(2):
            own.restart(mode)
            # What is said from now on gets there by the callers' own drains.
            wait_until(partial(follows, own, url, said(redis)), "the archive follows", by=by)
    finally:
        for caller in by:
            caller.stop()
    return [told for caller in by for told in caller.result()]


@both_modes
@pytest.mark.parametrize(("task", "interval"), [(converse, 0.05), (insist, 0)])
def test_processes_chat_on_while_postgresql_restarts(
    redis_server: RedisServer,
    own_postgres: PostgresServer,
    url: str,
    *,
    mode: str,
    task: Task,
    interval: float,
) -> None:
    """Where each append is archived first, callers ask again for what was not acknowledged."""
    # Given three processes that write to one conversation
    writers = [
        Process(task, redis_server.url, "busy", settings=archiving(url, interval),
                writer=writer, turns=ALL)
        for writer in range(WRITERS)
    ]  # fmt: skip
    # When the database restarts under them, no caller sees an error
    with started(writers):
        told = chatted(redis_server, own_postgres, url, mode, writers)
    # Then what they were told is archived once, in order
    with closing(ConversationMemory(redis_url=redis_server.url, database=url)) as memory:
        assert_kept(memory, "busy", told)


@both_modes
def test_threads_of_one_memory_chat_on_while_postgresql_restarts(
    redis_server: RedisServer, own_postgres: PostgresServer, url: str, mode: str
) -> None:
    given: dict[str, Any] = {"redis_url": redis_server.url, **archiving(url, 0.05)}
    memory = ConversationMemory(settings=MemorySettings.load(**given))
    with closing(memory):
        with ThreadPoolExecutor(WRITERS) as pool:
            callers = [Caller(pool, memory, writer) for writer in range(WRITERS)]
            told = chatted(redis_server, own_postgres, url, mode, callers)
        assert_kept(memory, "busy", told)
