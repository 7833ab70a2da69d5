"""What the outbox adds to the server's time for an append at the cap."""

from __future__ import annotations

from functools import partial

from benchmarks import backlog
from benchmarks.recorded import CALLS, Send, appends, one_by_one, server_us, together
from benchmarks.report import Entry, Figure, Note
from benchmarks.server import RedisServer
from benchmarks.subjects import filled, own_memory
from benchmarks.timing import Samples, ratio
from openta_memory import MemorySettings

ROUNDS = 60
BUDGET = 1.5


def measure(server: RedisServer) -> list[Entry]:
    """Measure the same append with the archive on and off, each on its own conversation."""
    archived, plain = _rounds(server, one_by_one)
    burst = _rounds(server, together)
    found = ratio(archived, plain)
    return [
        Figure(
            "server time of an append at the cap with an archive: against one without",
            _against(archived, plain),
            found.medians,
            BUDGET,
            ROUNDS * CALLS,
            found.check,
        ),
        Note(
            f"the same in a burst of {CALLS} with an archive",
            f"{_against(*burst)}, {ratio(*burst)}",
        ),
    ]


def _rounds(server: RedisServer, send: Send) -> tuple[Samples, Samples]:
    """Alternate rounds with the archive on and off, and empty the outbox after each."""
    settings: dict[str, MemorySettings] = {
        "archived": backlog.archiving(backlog.NOWHERE),
        "plain": backlog.plain(),
    }
    samples = {name: Samples() for name in settings}
    memory = own_memory(server.url)
    for name in settings:
        filled(memory, name)
    memory.close()
    for number in range(ROUNDS + 1):
        for name, given in settings.items():
            batch = appends(given, [name] * CALLS)
            taken = server_us(server, partial(send, server.control, batch))
            _trim(server, CALLS if name == "archived" else 0)
            if number:
                samples[name].values.append(taken)
    return samples["archived"], samples["plain"]


def _trim(server: RedisServer, expected: int) -> None:
    removed = server.control.xtrim(backlog.OUTBOX, maxlen=0, approximate=False)
    if removed != expected:
        raise RuntimeError(f"{removed} entries were on the outbox, not {expected}")


def _against(archived: Samples, plain: Samples) -> str:
    return f"{archived.median:.1f} us against {plain.median:.1f} us"
