"""The archive's budgets: what it costs beside Redis, and how fast it follows."""

from __future__ import annotations

from benchmarks import drains, outbox_time, restores
from benchmarks.databases import databases
from benchmarks.report import Entry, Note
from benchmarks.server import RedisServer


def measure(server: RedisServer) -> list[Entry]:
    """Measure drains, appends and restores on every database that is there."""
    with databases() as found:
        entries = drains.measure(server, found)
        server.empty()
        entries += outbox_time.measure(server)
        entries += restores.measure(server, found)
        names = ", ".join(map(str, found.present))
    settings = "each with the settings it ships with, so that a commit is on disk"
    return [*entries, Note("databases of the archive", f"{names}; {settings}")]
