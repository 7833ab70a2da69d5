"""How many connections many turns at once hold open: the pool's, and no more the longer it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from langchain_core.runnables.history import RunnableWithMessageHistory

from benchmarks.report import Figure, Note
from benchmarks.server import RedisServer
from benchmarks.subjects import asked, chain, own_memory
from openta_memory.settings import POOL_SIZE

TURNS = 1000
AT_ONCE = 50


def measure(server: RedisServer) -> list[Figure | Note]:
    """Run 1,000 turns, 50 at once, and the same again, on one memory."""
    before = _clients(server)
    first, second, opened = asyncio.run(_twice(server, before))
    left = _clients(server) - before
    what = f"connections after {TURNS} turns, {AT_ONCE} at once"
    again = f"connections after another {TURNS}: flat"
    return [
        Figure(what, f"{first} open", first, POOL_SIZE, TURNS, unit=""),
        Figure(again, f"{second} open", second, first, TURNS, unit=""),
        Note("connections opened in all of that", f"{opened}; {left} open after the loop ended"),
    ]


async def _twice(server: RedisServer, before: int) -> tuple[int, int, int]:
    opened_before = _opened(server)
    runnable = chain(own_memory(server.url).turn)
    found = []
    for _ in range(2):
        numbers = iter(range(TURNS))
        await asyncio.gather(*(_worker(runnable, f"w{n}", numbers) for n in range(AT_ONCE)))
        found.append(_clients(server) - before)
    return found[0], found[1], _opened(server) - opened_before


async def _worker(
    runnable: RunnableWithMessageHistory, session_id: str, numbers: Iterator[int]
) -> None:
    for _ in numbers:
        await runnable.ainvoke(*asked(session_id))


def _clients(server: RedisServer) -> int:
    return int(server.info("clients")["connected_clients"])


def _opened(server: RedisServer) -> int:
    return int(server.info("stats")["total_connections_received"])
