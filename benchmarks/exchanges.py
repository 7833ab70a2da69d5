"""One append and one load: round trips, and time against the least that Redis can be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import redis
from redis._parsers import _RESP3Parser

from benchmarks.floor import parsed
from benchmarks.relay import relayed
from benchmarks.report import Figure, Note
from benchmarks.server import RedisServer
from benchmarks.subjects import HELD, TTL, filled, memory_on, turn
from benchmarks.timing import Case, ainterleave, interleave, ratio
from openta_memory import ConversationMemory
from openta_memory.keys import Keys

ROUNDS = 3000
COUNTED = 20
ID = "exchange"
KEY = Keys().conversation(ID)[0]
LOAD = f"load {HELD} messages"


def measure(server: RedisServer) -> list[Figure | Note]:
    """Measure appends and loads at the cap."""
    memory, client, _ = memory_on(server.url)
    filled(memory, ID)
    trips = _trips(server)
    return [
        *_appends(memory, client, trips["append"]),
        Figure(f"{LOAD}: round trips", f"{trips['load']:g}", trips["load"], 1, COUNTED, unit=""),
        *_loads(memory, client, "with hiredis"),
        *_loads(*_plain(server), "with the driver alone"),
        *asyncio.run(_async_notes(server.url)),
    ]


def _trips(server: RedisServer) -> dict[str, float]:
    """Count round trips of one append and one load, on a connection that stands."""
    with relayed(server.port) as relay:
        memory, client, _ = memory_on(relay.url)
        calls: dict[str, Callable[[], object]] = {
            "append": lambda: memory.append(ID, turn(0)),
            "load": lambda: memory.window(ID),
        }
        counted = {}
        for name, call in calls.items():
            call()
            relay.reset()
            for _ in range(COUNTED):
                call()
            counted[name] = relay.trips / COUNTED
        client.close()
    return counted


def _appends(memory: ConversationMemory, client: Any, trips: float) -> list[Figure | Note]:
    batch = turn(7)
    samples = interleave(
        {"ping": Case(client.ping), "append": Case(lambda: memory.append(ID, batch))}, ROUNDS
    )
    measured = f"{samples['append'].us} against {samples['ping'].us}"
    found = ratio(samples["append"], samples["ping"])
    return [
        Figure("append a turn at the cap: round trips", f"{trips:g}", trips, 1, COUNTED, unit=""),
        Figure(
            "append a turn at the cap: against PING",
            measured,
            found.medians,
            1.6,
            ROUNDS,
            found.check,
        ),
    ]


def _plain(server: RedisServer) -> tuple[ConversationMemory, Any]:
    """Build a memory on the driver's own parser, which serves where hiredis is not installed."""
    pool = redis.ConnectionPool.from_url(server.url, parser_class=_RESP3Parser)
    client = redis.Redis.from_pool(pool)
    return ConversationMemory(client=client, ttl=TTL, max_messages=HELD), client


def _loads(memory: ConversationMemory, client: Any, driver: str) -> list[Figure | Note]:
    history = memory.history(ID)
    samples = interleave(
        {
            "bare": Case(lambda: parsed(client.lrange(KEY, 0, -1))),
            "window": Case(lambda: memory.window(ID)),
            "messages": Case(lambda: history.messages),
        },
        ROUNDS,
    )
    if len(history.messages) != HELD:
        raise RuntimeError(f"the load read {len(history.messages)} messages, not {HELD}")
    measured = f"{samples['window'].us} against {samples['bare'].us}"
    found = ratio(samples["window"], samples["bare"])
    other = ratio(samples["messages"], samples["bare"])
    what = f"{LOAD}, {driver}"
    return [
        Figure(f"{what}: against LRANGE + parse", measured, found.medians, 2, ROUNDS, found.check),
        Note(
            f"the same through `history.messages`, {driver}", f"{samples['messages'].us}, {other}"
        ),
    ]


async def _async_notes(url: str) -> list[Note]:
    memory, _, client = memory_on(url)
    batch = turn(7)

    async def bare() -> list[Any]:
        return parsed(await client.lrange(KEY, 0, -1))

    samples = await ainterleave(
        {
            "ping": Case(client.ping),
            "append": Case(lambda: memory.aappend(ID, batch)),
            "bare": Case(bare),
            "window": Case(lambda: memory.awindow(ID)),
        },
        ROUNDS // 2,
    )
    await client.aclose()
    append = ratio(samples["append"], samples["ping"])
    load = ratio(samples["window"], samples["bare"])
    return [
        Note("async append against async PING", f"{samples['append'].us}, {append}"),
        Note("async load against async LRANGE + parse", f"{samples['window'].us}, {load}"),
    ]
