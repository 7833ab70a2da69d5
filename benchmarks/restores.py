"""What it takes to bring a conversation back that Redis forgot: round trips, queries, time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import mean, median
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

from benchmarks import backlog
from benchmarks.databases import Database, Databases
from benchmarks.relay import relayed
from benchmarks.report import Entry, Figure, Note
from benchmarks.server import RedisServer
from benchmarks.subjects import HELD, filled, turn
from openta_memory import ConversationMemory
from openta_memory.keys import Keys

COUNTED = 20
TIMED = 200
TRIPS, QUERIES = 3, 1
ID = "restored"

_TRIPS = f"restore of {HELD} messages from {{}}: round trips to Redis"
_QUERIES = f"restore of {HELD} messages from {{}}: queries"

# What only opens, ends or sets up a transaction or a connection asks the database for nothing.
_NO_QUERIES = {"BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "SET"}


class _Counter:
    """Counts the queries of all engines while it listens."""

    def __init__(self) -> None:
        self.queries = 0

    def __call__(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.queries += statement.split(maxsplit=1)[0].upper() not in _NO_QUERIES


def measure(server: RedisServer, found: Databases) -> list[Entry]:
    """Count what a restore takes from each database."""
    entries = [entry for database in found.present for entry in _restores(server, database)]
    return [*entries, *found.unmeasured(_TRIPS), *found.unmeasured(_QUERIES)]


def _restores(server: RedisServer, database: Database) -> list[Entry]:
    url = database.new()
    _archive(server, url)
    by_read, by_append = _counted(server, url, _read), _counted(server, url, _append)
    rows = ((_TRIPS, TRIPS), (_QUERIES, QUERIES))
    counts = zip(rows, by_read, by_append, strict=True)
    return [
        *(_count(what.format(database.name), budget, *both) for (what, budget), *both in counts),
        Note(f"time of a restore of {HELD} messages from {database.name}", _timed(server, url)),
    ]


def _count(what: str, budget: int, by_read: float, by_append: float) -> Figure:
    measured = f"{by_read:g} by a read, {by_append:g} by an append"
    return Figure(what, measured, max(by_read, by_append), budget, COUNTED, unit="")


def _archive(server: RedisServer, url: str) -> None:
    """Keep a conversation at the cap in a new database."""
    server.empty()
    memory = ConversationMemory(settings=backlog.archiving(url, server.url))
    filled(memory, ID)
    memory.close()


def _counted(
    server: RedisServer, url: str, restore: Callable[[ConversationMemory], None]
) -> tuple[float, float]:
    """Count round trips and queries a restore, on connections that stand."""
    with relayed(server.port) as relay, _listening() as counter:
        memory = ConversationMemory(settings=backlog.archiving(url, relay.url))
        counts = []
        for _ in range(COUNTED + 1):
            _forget(server, memory)
            relay.reset()
            counter.queries = 0
            restore(memory)
            counts.append((relay.trips, counter.queries))
        memory.close()
    trips, queries = zip(*counts[1:], strict=True)  # the first one connects
    return mean(trips), mean(queries)


def _timed(server: RedisServer, url: str) -> str:
    memory = ConversationMemory(settings=backlog.archiving(url, server.url))
    taken = []
    for _ in range(TIMED):
        _forget(server, memory)
        started = perf_counter()
        _read(memory)
        taken.append(perf_counter() - started)
    memory.close()
    return f"{median(taken) * 1e3:.1f} ms"


def _read(memory: ConversationMemory) -> None:
    held = len(memory.window(ID).messages)
    if held != HELD:
        raise RuntimeError(f"{held} messages were restored, not {HELD}")


def _append(memory: ConversationMemory) -> None:
    length = memory.append(ID, turn(7)).length
    if length != HELD:
        raise RuntimeError(f"{length} messages are held after an append, not {HELD}")


def _forget(server: RedisServer, memory: ConversationMemory) -> None:
    """Archive what waits, then lose the conversation as an eviction would."""
    memory.drain()
    server.control.delete(*Keys().conversation(ID))


@contextmanager
def _listening() -> Iterator[_Counter]:
    counter = _Counter()
    event.listen(Engine, "before_cursor_execute", counter)
    try:
        yield counter
    finally:
        event.remove(Engine, "before_cursor_execute", counter)
