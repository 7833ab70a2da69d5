"""Redis is emptied, in whole or in part, while a conversation goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection

import pytest
from support.chatters import ALL, Acknowledged, archiving, tell, wait_until
from support.redis_server import RedisServer
from support.turns import assert_nothing_lost_or_doubled
from support.writers import Process, started

from openta_memory import ConversationMemory

WRITERS, TURNS, FAULTS = 4, 25, 8
LIST, META = "conversation:busy", "conversation:meta:busy"


def reaches(server: RedisServer, goal: int) -> bool:
    with server.client() as client:
        return int(client.hget(META, "seq") or 0) > goal


def append_turns(
    memory: ConversationMemory, session_id: str, _: Connection, *, writer: int, turns: int
) -> list[Acknowledged]:
    return tell(memory, session_id, writer, range(turns))


def told_through(server: RedisServer, database: str, fault: Callable[[], object]) -> int:
    """Let writers append while the fault strikes again and again; count what they were told."""
    writers = [
        Process(append_turns, server.url, "busy", settings=archiving(database, 0),
                writer=writer, turns=TURNS)
        for writer in range(WRITERS)
    ]  # fmt: skip
    with started(writers):
        for number in range(FAULTS):
            wait_until(partial(reaches, server, 25 * number), "the writers write", by=writers)
            fault()
        return sum(len(writer.result()) for writer in writers)


def assert_all_there(server: RedisServer, database: str) -> None:
    with closing(ConversationMemory(redis_url=server.url, database=database)) as memory:
        # What was numbered twice, as several archived at the moment of the fault, is settled here.
        memory.drain()
        archived = memory.archived("busy", limit=ALL)
        said = [message for _, message in archived]
        assert [seq for seq, _ in archived] == list(range(1, len(archived) + 1))
        assert_nothing_lost_or_doubled(said, writers=range(WRITERS), turns=TURNS)
        held = [message.id for message in memory.window("busy").messages]
        assert held == [message.id for message in said][-len(held) :]
        assert 47 <= len(held) <= 50


def test_redis_emptied_under_four_writers_loses_doubles_and_reorders_nothing(
    redis_server: RedisServer, url: str
) -> None:
    with redis_server.client() as client:
        assert told_through(redis_server, url, client.flushall) == WRITERS * TURNS
    assert_all_there(redis_server, url)


@pytest.mark.parametrize("key", [LIST, META])
def test_a_key_deleted_by_hand_under_four_writers_loses_doubles_and_reorders_nothing(
    redis_server: RedisServer, url: str, key: str
) -> None:
    with redis_server.client() as client:
        assert told_through(redis_server, url, lambda: client.delete(key)) == WRITERS * TURNS
    assert_all_there(redis_server, url)
