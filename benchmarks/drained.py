"""Drain the outbox in this process and print the memory that it took, as JSON.

It imports nothing that the drain does not need, so that the drain's own memory is not hidden.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import orjson

from openta_memory import ConversationMemory


def main() -> None:
    """Drain what `REDIS_URL` and `DATABASE_URL` name."""
    memory = ConversationMemory.from_env()
    memory.ping_archive()
    before = _kilobytes("VmRSS")
    started = perf_counter()
    memory.drain()
    seconds = perf_counter() - started
    peak = _kilobytes("VmHWM")
    memory.close()
    found = {"before_kb": before, "peak_kb": peak, "seconds": seconds}
    sys.stdout.buffer.write(orjson.dumps(found))


def _kilobytes(name: str) -> int:
    """Read what Linux counts itself: VmHWM is the highest VmRSS there was, which samples miss."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])


if __name__ == "__main__":
    main()
