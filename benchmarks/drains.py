"""How fast the drain moves a backlog into a database, and what memory it takes to do so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import orjson

from benchmarks import backlog
from benchmarks.databases import Database, Databases, messages_in
from benchmarks.report import Entry, Figure, Note, Unmeasured
from benchmarks.server import RedisServer
from benchmarks.timing import nothing
from openta_memory import ConversationMemory

ROUNDS = 5
SMALL, LARGE = 20_000, 200_000
RATES = {"SQLite": 5000, "PostgreSQL": 3000}
GROWTH = 1.15
CHILD_SECONDS = 180

_RATE = "drain into {}: messages a second"
_PEAK = f"drain of {LARGE} messages into {{}}: peak memory against {SMALL}"
# What the drain sends; what its script calls is counted within the script.
_DRAINING = ("cmdstat_xlen", "cmdstat_xreadgroup", "cmdstat_xautoclaim", "cmdstat_evalsha")
_ROOT = Path(__file__).resolve().parent.parent


def measure(server: RedisServer, found: Databases) -> list[Entry]:
    """Measure rates in rounds, then the memory of processes that do nothing but drain."""
    backlog.fill(server, (SMALL, LARGE))
    return [*_rates(server, found), _server_time(server, found.present[0]), *_peaks(server, found)]


def _rates(server: RedisServer, found: Databases) -> list[Entry]:
    rates: dict[str, list[float]] = {database.name: [] for database in found.present}
    for number in range(ROUNDS + 1):
        for database in found.present:
            taken = _drain(server, database)
            if number:
                rates[database.name].append(SMALL / taken)
    return [
        *(_rate(name, taken) for name, taken in rates.items()),
        *found.unmeasured(_RATE),
    ]


def _rate(name: str, rates: list[float]) -> Figure:
    return Figure(
        _RATE.format(name),
        f"{SMALL} messages in {SMALL / median(rates):.2f} s",
        median(rates),
        RATES[name],
        ROUNDS,
        f"{min(rates):.0f}/s to {max(rates):.0f}/s",
        unit="/s",
        at_least=True,
    )


def _drain(
    server: RedisServer, database: Database, before: Callable[[], object] = nothing
) -> float:
    """Give the seconds from a full outbox to an empty one and a new database that has it all."""
    url = database.new()
    backlog.put(server, SMALL)
    memory = ConversationMemory(settings=backlog.archiving(url, server.url))
    memory.ping_archive()
    before()
    started = perf_counter()
    memory.drain()
    taken = perf_counter() - started
    memory.close()
    _check(url, SMALL)
    return taken


def _server_time(server: RedisServer, database: Database) -> Note:
    """Tell what a drain costs the server."""
    _drain(server, database, before=server.control.config_resetstat)
    stats = server.info("commandstats")
    taken = sum(stats[name]["usec"] for name in _DRAINING if name in stats)
    text = f"{taken / (SMALL // 2):.1f} us a turn of 2 messages"
    return Note("server time of the drain itself, which comes after the appends", text)


def _peaks(server: RedisServer, found: Databases) -> list[Entry]:
    if not Path("/proc/self/status").exists():
        names = [database.name for database in found.present] + found.absent
        return [Unmeasured(_PEAK.format(name), "this system has no /proc") for name in names]
    entries = [entry for database in found.present for entry in _peak(server, database)]
    return [*entries, *found.unmeasured(_PEAK)]


def _peak(server: RedisServer, database: Database) -> list[Entry]:
    small, large = (_apart(server, database, size) for size in (SMALL, LARGE))
    grown = [(each["peak_kb"] - each["before_kb"]) / 1024 for each in (small, large)]
    return [
        Figure(
            _PEAK.format(database.name),
            f"{large['peak_kb'] / 1024:.1f} MiB against {small['peak_kb'] / 1024:.1f}",
            large["peak_kb"] / small["peak_kb"],
            GROWTH,
            1,
        ),
        Note(
            f"of that, the drain's own into {database.name}",
            f"{grown[1]:.1f} MiB against {grown[0]:.1f}; {LARGE} messages went at "
            f"{LARGE / large['seconds']:.0f}/s",
        ),
    ]


def _apart(server: RedisServer, database: Database, size: int) -> dict[str, float]:
    """Drain in a process of its own."""
    url = database.new()
    backlog.put(server, size)
    # Told by the environment, because others can read a command line, and a password is in it.
    told = {"REDIS_URL": server.url, "DATABASE_URL": url}
    told |= {"AUTO_SYNC_TO_DB": "false", "SYNC_INTERVAL": "300"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.drained"],
        stdout=subprocess.PIPE,
        check=True,
        cwd=_ROOT,
        env=os.environ | told,
        timeout=CHILD_SECONDS,
    )
    _check(url, size)
    found: dict[str, float] = orjson.loads(done.stdout)
    return found


def _check(url: str, size: int) -> None:
    if (held := messages_in(url)) != size:
        raise RuntimeError(f"the archive holds {held} messages after a drain of {size}")
