"""What one append at the cap costs the server, against a script that only pushes and trims."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.floor import SCRIPT
from benchmarks.recorded import (
    CALLS,
    Send,
    Words,
    appends,
    one_by_one,
    server_us,
    together,
)
from benchmarks.report import Figure, Note
from benchmarks.server import RedisServer
from benchmarks.subjects import TTL, conversation, memory_on
from benchmarks.timing import Ratio, Samples, ratio
from openta_memory import MemorySettings
from openta_memory.keys import Keys

CAPS = (50, 5000)
ROUNDS = 60
PARTS = ("hmget", "llen", "time", "rpush", "lindex", "lrange", "ltrim", "hset", "expire")


def measure(server: RedisServer) -> list[Figure | Note]:
    """Measure the server's time at a small and at a large cap, one by one and in a burst.

    The budget is for one append, as a chat sends them: one by one. A burst of a hundred in one
    go, all on one conversation, is told beside it: there the caches are warm for both scripts, and
    ours carries the tokens of all the appends of the last minute.
    """
    busy = {cap: _rounds(server, cap, together) for cap in CAPS}
    idle = {cap: _rounds(server, cap, one_by_one) for cap in CAPS}
    entries: list[Figure | Note] = []
    for cap in CAPS:
        what = f"server time of an append at a cap of {cap}: against a bare script"
        ours, bare, parts = idle[cap]
        found = ratio(ours, bare)
        measured = _against(ours, bare)
        entries += [
            Figure(what, measured, found.medians, 3, ROUNDS * CALLS, found.check),
            Note(f"commands inside that append at a cap of {cap}, us a call", parts),
            Note(f"the same in a burst of {CALLS} at a cap of {cap}", _burst(*busy[cap][:2])),
        ]
    growth: Ratio = ratio(idle[CAPS[1]][0], idle[CAPS[0]][0])
    return [*entries, Note(f"server time with {CAPS[1]} held against {CAPS[0]}", f"{growth}")]


def _rounds(server: RedisServer, cap: int, send: Send) -> tuple[Samples, Samples, str]:
    """Alternate rounds of ours and of the bare script; also the parts of one round of ours."""
    memory, client, _ = memory_on(server.url, max_messages=cap)
    session_id = f"cap{cap}"
    memory.clear(session_id)
    for start in range(0, cap, 500):
        memory.append(session_id, conversation(min(500, cap - start)))
    bare = _bare(client, Keys().conversation(session_id)[0], cap)
    ours, base = Samples(), Samples()
    for number in range(ROUNDS + 1):
        for samples, batch in ((ours, _ours(session_id, cap)), (base, bare)):
            taken = server_us(server, partial(send, client, batch))
            if number:
                samples.values.append(taken)
    server_us(server, partial(send, client, _ours(session_id, cap)))
    parts = _parts(server)
    client.close()
    return ours, base, parts


def _ours(session_id: str, cap: int) -> list[Words]:
    """Give a round of ours."""
    settings = MemorySettings.load(session_ttl=TTL, max_messages_per_session=cap)
    return appends(settings, [session_id] * CALLS)


def _bare(client: Any, filled_key: str, cap: int) -> list[Words]:
    """Give a round of the bare script, with records of the same size on a list as long."""
    rows = client.lrange(filled_key, 0, -1)
    key = f"bare{cap}"
    client.delete(key)
    client.rpush(key, *rows)
    sha = client.script_load(SCRIPT)
    return [("EVALSHA", sha, 1, key, TTL, cap, *rows[-2:])] * CALLS


def _parts(server: RedisServer) -> str:
    stats = server.info("commandstats")
    found = {name: stats.get(f"cmdstat_{name}", {}).get("usec", 0) / CALLS for name in PARTS}
    spelled = ", ".join(f"{name} {taken:.1f}" for name, taken in found.items() if taken)
    whole = stats["cmdstat_evalsha"]["usec"] / CALLS
    return f"{spelled}; Lua and the call itself {whole - sum(found.values()):.1f}"


def _against(ours: Samples, bare: Samples) -> str:
    return f"{ours.median:.1f} us against {bare.median:.1f} us"


def _burst(ours: Samples, bare: Samples) -> str:
    return f"{_against(ours, bare)}, {ratio(ours, bare)}"
