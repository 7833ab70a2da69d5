"""Whole turns under RunnableWithMessageHistory, and a turn's storage beside openai-agents'."""

from __future__ import annotations

import asyncio
from functools import partial

from agents.extensions.memory import RedisSession
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.runnables.history import RunnableWithMessageHistory

from benchmarks.floor import FloorHistory
from benchmarks.relay import Relay, relayed
from benchmarks.report import Figure, Note
from benchmarks.server import RedisServer
from benchmarks.subjects import (
    HELD,
    TTL,
    agents_items,
    asked,
    chain,
    community,
    conversation,
    filled,
    memory_on,
    own_memory,
    turn,
)
from benchmarks.timing import Case, Ratio, Samples, ainterleave, interleave, ratio, share
from openta_memory.keys import Keys

ROUNDS = 500
COUNTED = 20
ID = "turn"
SHARE = 1 / 8


def measure(server: RedisServer) -> list[Figure | Note]:
    """Measure whole turns with 50 messages held."""
    filled(own_memory(server.url), ID)
    _fill_community(server, ID)
    return [
        *_round_trips(server),
        *_whole_turns(server),
        *asyncio.run(_async_turns(server)),
        *asyncio.run(_beside_agents(server)),
    ]


def _fill_community(server: RedisServer, session_id: str) -> None:
    """Bring one of langchain-community's conversations to 50 messages."""
    community(server.url, session_id).add_messages(conversation())


def _round_trips(server: RedisServer) -> list[Figure | Note]:
    with relayed(server.port) as relay:
        memory = own_memory(relay.url)
        ours = _counted(relay, chain(memory.turn))
        theirs = _counted(relay, chain(lambda session_id: community(relay.url, session_id)))
        memory.close()
    trips, connections = ours
    return [
        Figure("whole turn: round trips", f"{trips:g}", trips, 2, COUNTED, unit=""),
        Figure("whole turn: new connections", f"{connections:g}", connections, 0, COUNTED, unit=""),
        Note(
            "langchain-community's whole turn",
            f"{theirs[0]:g} round trips (handshakes are some), {theirs[1]:g} new connections",
        ),
    ]


def _counted(relay: Relay, runnable: RunnableWithMessageHistory) -> tuple[float, float]:
    """Count round trips and new connections a turn, after a first turn."""
    runnable.invoke(*asked(ID))
    relay.reset()
    for _ in range(COUNTED):
        runnable.invoke(*asked(ID))
    return relay.trips / COUNTED, relay.connections / COUNTED


def _floor(server: RedisServer) -> FloorHistory:
    rows = server.control.lrange(Keys().conversation(ID)[0], 0, -1)
    _, client, _ = memory_on(server.url)
    client.delete("floor")
    return FloorHistory(client, "floor", rows)


class _Contenders:
    """The same turn over several histories, each back at 50 messages before it is timed."""

    def __init__(self, server: RedisServer) -> None:
        self._control = server.control
        self._seed = conversation()
        self._list = InMemoryChatMessageHistory()
        self._key = community(server.url, ID).key
        self._kept = community(server.url, ID)
        self._memory = own_memory(server.url)
        self._floor = _floor(server)
        self._chains = {
            "list": chain(lambda _: self._list),
            "ours": chain(self._memory.turn),
            "community": chain(lambda session_id: community(server.url, session_id)),
            "community, instance kept": chain(lambda _: self._kept),
            "floor": chain(lambda _: self._floor),
        }
        self._before = {"list": self._reset_list, "ours": self._warm, "floor": self._warm}

    def cases(self, method: str) -> dict[str, Case]:
        """Give the cases that call `invoke` or `ainvoke`."""
        return {
            name: Case(
                partial(getattr(runnable, method), *asked(ID)),
                self._before.get(name, self._trim),
            )
            for name, runnable in self._chains.items()
            if name != "floor" or method == "invoke"
        }

    def close(self) -> None:
        """Close the memory's sync connections."""
        self._memory.close()

    async def aclose(self) -> None:
        """Close the memory's connections of this loop."""
        await self._memory.aclose()

    def _reset_list(self) -> None:
        self._list.messages = list(self._seed)
        self._control.ping()

    def _trim(self) -> None:
        # langchain-community pushes to the front and has no cap.
        self._control.ltrim(self._key, 0, HELD - 1)

    def _warm(self) -> None:
        # The others ask the server something before they are timed, so this one does too.
        self._control.ping()


def _whole_turns(server: RedisServer) -> list[Figure | Note]:
    contenders = _Contenders(server)
    samples = interleave(contenders.cases("invoke"), ROUNDS)
    contenders.close()
    _check_sizes(server)
    found = _share(samples, "community")
    kept = _share(samples, "community, instance kept")
    floor = share(samples["floor"], samples["community"], samples["list"])
    ours, theirs = (_added(samples, name) * 1e6 for name in ("ours", "community"))
    measured = f"adds {ours:.0f} us against {theirs:.0f} us"
    what = "whole turn: share of what langchain-community adds"
    return [
        Figure(what, measured, found.medians, SHARE, ROUNDS, found.check),
        Note("whole turn, medians", _medians(samples)),
        Note("share of langchain-community with one instance kept", f"{kept}"),
        Note("share of two bare calls: LRANGE + parse, RPUSH + LTRIM + EXPIRE", f"{floor}"),
    ]


async def _async_turns(server: RedisServer) -> list[Note]:
    contenders = _Contenders(server)
    samples = await ainterleave(contenders.cases("ainvoke"), ROUNDS // 2)
    await contenders.aclose()
    found = _share(samples, "community")
    return [Note("whole async turn, medians", f"{_medians(samples)}; the share is {found}")]


def _added(samples: dict[str, Samples], name: str) -> float:
    return samples[name].median - samples["list"].median


def _share(samples: dict[str, Samples], of: str) -> Ratio:
    return share(samples["ours"], samples[of], samples["list"])


def _medians(samples: dict[str, Samples]) -> str:
    return "; ".join(f"{name} {taken.us}" for name, taken in samples.items())


def _check_sizes(server: RedisServer) -> None:
    """Make sure that both sides held what they were timed with."""
    ours = len(own_memory(server.url).history(ID).messages)
    theirs = len(community(server.url, ID).messages)
    if ours != HELD or theirs != HELD + 2:
        raise RuntimeError(f"ours holds {ours} messages and langchain-community's {theirs}")


async def _beside_agents(server: RedisServer) -> list[Note]:
    memory, _, client = memory_on(server.url)
    batch, items = turn(7), agents_items(turn(7))
    await RedisSession("agents", redis_client=client, ttl=TTL).add_items(
        agents_items(conversation())
    )

    async def theirs() -> None:
        session = RedisSession("agents", redis_client=client, ttl=TTL)
        await session.get_items()
        await session.add_items(items)

    async def ours() -> None:
        await memory.awindow(ID)
        await memory.aappend(ID, batch)

    async def trim() -> None:
        await client.ltrim("agents:session:agents:messages", -HELD, -1)

    samples = await ainterleave({"ours": Case(ours, trim), "theirs": Case(theirs, trim)}, ROUNDS)
    await client.aclose()
    found = ratio(samples["ours"], samples["theirs"])
    text = f"{samples['ours'].us} against {samples['theirs'].us}, {found}"
    return [Note("async load + append against openai-agents' get_items + add_items", text)]
