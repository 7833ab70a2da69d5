"""What processes do with a memory that has an archive, and what must be kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Protocol

import aiosqlite  # noqa: F401 - here to the end: once for all processes, not by each of them
import psycopg  # noqa: F401
import sqlalchemy.dialects.postgresql.psycopg
import sqlalchemy.dialects.sqlite.aiosqlite  # noqa: F401
from langchain_core.messages import BaseMessage

from openta_memory import ArchiveError, ConversationMemory
from openta_memory.archive import tier  # noqa: F401
from support.redis_server import RedisServer
from support.turns import make_turn, split_turns

ALL = 1_000_000
WAIT_SECONDS = 60.0


class Bringer(Protocol):
    """Something that may fail while others wait for what it does."""

    @property
    def has_failed(self) -> bool: ...


# What callers were told of the turns they appended: writer, number, and the last message's seq.
Acknowledged = tuple[int, int, int]


def converse(
    memory: ConversationMemory, session_id: str, line: Connection, *, writer: int, turns: int
) -> list[Acknowledged]:
    """Append turns one after the other, and read each back before the next."""
    memory.metadata(session_id)
    told = []
    for number in range(turns):
        appended = memory.append(session_id, make_turn(writer, number))
        told.append((writer, number, appended.seq))
        if line.poll():
            break
        read = split_turns(memory.window(session_id).messages)
        mine = [number for who, number in read if who == writer]
        assert not mine or mine[-1] == number, f"after turn {number}, {mine} are read"
    return told


def insist(
    memory: ConversationMemory, session_id: str, line: Connection, *, writer: int, turns: int
) -> list[Acknowledged]:
    """Append turns; one that the archive could not take is asked for again until it is told.

    Told to end, it ends behind a turn that was: one that was not may be stored all the same.
    """
    told: list[Acknowledged] = []
    while len(told) < turns and not line.poll():
        number = len(told)
        told.append((writer, number, _insisted(memory, session_id, writer, number)))
    return told


def _insisted(memory: ConversationMemory, session_id: str, writer: int, number: int) -> int:
    by = time.monotonic() + WAIT_SECONDS
    turn = make_turn(writer, number)
    while True:
        try:
            return memory.append(session_id, turn, token=f"{writer}-{number}").seq
        except ArchiveError:
            if time.monotonic() > by:
                raise
            time.sleep(0.02)


def append_once(
    memory: ConversationMemory, session_id: str, _: Connection, *, writer: int
) -> Acknowledged:
    """Append one turn, as the first thing that this process does with the conversation."""
    return writer, 0, memory.append(session_id, make_turn(writer, 0)).seq


def read_once(memory: ConversationMemory, session_id: str, _: Connection) -> list[str | None]:
    """Read a conversation, as the first thing that this process does with it."""
    return [message.id for message in memory.window(session_id).messages]


def tell(
    memory: ConversationMemory, session_id: str, writer: int, numbers: Sequence[int]
) -> list[Acknowledged]:
    """Append turns of one writer, and give what was acknowledged."""
    return [
        (writer, number, memory.append(session_id, make_turn(writer, number)).seq)
        for number in numbers
    ]


def assert_kept(
    memory: ConversationMemory, session_id: str, told: Sequence[Acknowledged], *, cap: int = 50
) -> None:
    """Check that what was acknowledged, and nothing else, is there once, whole and in order.

    Each message has the number that its writer was told, the numbers have no gap, and what Redis
    holds is the end of what the archive holds.
    """
    archived = memory.archived(session_id, limit=ALL)
    messages = [message for _, message in archived]
    assert [seq for seq, _ in archived] == list(range(1, len(archived) + 1))
    ends = list(_ends(messages))
    assert sorted(ends) == sorted(told)
    for writer in {writer for writer, _, _ in told}:
        mine = [number for who, number, _ in ends if who == writer]
        assert mine == list(range(len(mine)))
    window = memory.window(session_id)
    held = [message.id for message in window.messages]
    assert held == [message.id for message in messages][-len(held) :]
    assert min(cap - 3, len(messages)) <= len(held) <= cap
    assert window.metadata is not None
    assert window.metadata.seq == len(messages)


def _ends(messages: Sequence[BaseMessage]) -> Iterator[Acknowledged]:
    """Give each turn with the number of its last message, counted from 1."""
    seq = 0
    for writer, number in split_turns(messages):
        seq += len(make_turn(writer, number))
        yield writer, number, seq


def wait_until(condition: Callable[[], Any], what: str, *, by: Sequence[Bringer] = ()) -> None:
    """Wait for a condition, a minute at the most, or until a process that brings it about fails."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert not any(process.has_failed for process in by), "a process failed: see stderr"
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.005)


@contextmanager
def held_back(server: RedisServer) -> Iterator[Callable[[int], None]]:
    """Let Redis keep its callers waiting; what is given lets all go once so many of them ask."""
    with server.client() as client:
        client.execute_command("CLIENT", "PAUSE", 120_000, "WRITE")

        def release_at(count: int) -> None:
            wait_until(lambda: client.info("clients")["blocked_clients"] >= count, "all ask")
            client.execute_command("CLIENT", "UNPAUSE")

        try:
            yield release_at
        finally:
            client.execute_command("CLIENT", "UNPAUSE")


def archiving(database: str, interval: float | None = None) -> Mapping[str, Any]:
    """Give the settings of a memory with an archive that drains when told to.

    With an interval, in seconds, it drains by itself; 0 archives before it acknowledges.
    """
    return {
        "database_url": database,
        "sync_interval": 300 if interval is None else interval,
        "auto_sync_to_db": bool(interval),
    }
