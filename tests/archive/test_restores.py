"""Ten processes ask at the same moment for a conversation that Redis no longer has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.chatters import (
    Acknowledged,
    append_once,
    archiving,
    assert_kept,
    held_back,
    read_once,
    tell,
)
from support.redis_server import RedisServer
from support.writers import Process, started

from openta_memory import ConversationMemory

LIST, META = "conversation:c", "conversation:meta:c"
EARLIER, SAID = 99, 24
MESSAGES, CAP = 64, 50
TEN = range(10)


@pytest.fixture
def memory(redis_server: RedisServer, url: str) -> Iterator[ConversationMemory]:
    memory = ConversationMemory(redis_url=redis_server.url, database=url, max_messages=CAP)
    yield memory
    memory.close()


@pytest.fixture
def said(memory: ConversationMemory) -> list[Acknowledged]:
    """A conversation of 64 messages, all archived."""
    told = tell(memory, "c", EARLIER, range(SAID))
    memory.drain()
    return told


def ask(what: Callable[..., Any], server: RedisServer, url: str, **options: Any) -> Process:
    return Process(what, server.url, "c", settings=archiving(url), **options)


def held(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.llen(LIST))


def test_ten_processes_that_read_at_once_restore_a_conversation_once(
    redis_server: RedisServer,
    url: str,
    memory: ConversationMemory,
    said: list[Acknowledged],
) -> None:
    # Given a conversation whose meta data Redis lost, and whose messages it still has
    with redis_server.client() as client:
        client.delete(META)
    # When ten processes read it, each told at the same moment that it is not there
    readers = [ask(read_once, redis_server, url) for _ in TEN]
    with held_back(redis_server) as release_at, started(readers):
        release_at(len(readers))
        reads = [reader.result() for reader in readers]
    # Then all read the end of it, and Redis holds it once
    archived = [message.id for _, message in memory.archived("c", limit=MESSAGES)]
    assert len(archived) == MESSAGES
    assert CAP - 3 <= held(redis_server) <= CAP
    assert reads == [archived[-held(redis_server) :]] * 10
    assert_kept(memory, "c", said)


def test_ten_processes_that_append_at_once_to_what_redis_lost_are_all_numbered_on(
    redis_server: RedisServer,
    url: str,
    memory: ConversationMemory,
    said: list[Acknowledged],
) -> None:
    with redis_server.client() as client:
        client.flushall()
    writers = [ask(append_once, redis_server, url, writer=writer) for writer in TEN]
    with held_back(redis_server) as release_at, started(writers):
        release_at(len(writers))
        told = [writer.result() for writer in writers]
    # Each of the ten turns has four messages
    assert sorted(seq for _, _, seq in told) == list(range(MESSAGES + 4, MESSAGES + 41, 4))
    assert CAP - 3 <= held(redis_server) <= CAP
    assert_kept(memory, "c", [*said, *told])


def test_ten_processes_that_read_and_append_at_once_find_what_waited_on_the_outbox_too(
    redis_server: RedisServer, url: str, memory: ConversationMemory, said: list[Acknowledged]
) -> None:
    # Given a conversation whose messages Redis lost, and whose end waits on the outbox
    waiting = tell(memory, "c", EARLIER, range(SAID, SAID + 5))
    with redis_server.client() as client:
        client.delete(LIST)
    # When five processes read it and five append to it at once
    readers = [ask(read_once, redis_server, url) for _ in range(5)]
    writers = [ask(append_once, redis_server, url, writer=writer) for writer in range(5)]
    with held_back(redis_server) as release_at, started([*readers, *writers]):
        release_at(10)
        reads = [set(reader.result()) for reader in readers]
        told = [writer.result() for writer in writers]
    # Then whoever came first, all found the end of it, and nothing is lost or doubled
    assert all(f"{EARLIER}-{SAID + 4}-answer" in read for read in reads)
    assert_kept(memory, "c", [*said, *waiting, *told])
