"""Appends that wait on the outbox, made once and put there again for each drain."""

from __future__ import annotations

from collections.abc import Sequence
from tempfile import TemporaryDirectory

from benchmarks.recorded import appends, openings, together
from benchmarks.server import RedisServer
from benchmarks.subjects import HELD, TTL, turn
from openta_memory import ConversationMemory, MemorySettings
from openta_memory.keys import Keys

# As many as the drain's batch has turns: each batch finds each conversation once, the worst mix.
CONVERSATIONS = 500
PORTION = 5000

(OUTBOX,) = Keys().outboxes()


# Stands for whatever archive the outbox is for: nothing is drained into it.
_PLACE = TemporaryDirectory(prefix="openta-bench-")
NOWHERE = f"sqlite:///{_PLACE.name}/none.db"


def plain(url: str | None = None) -> MemorySettings:
    """Give the settings of a memory without an archive."""
    return MemorySettings.load(
        redis_url=url, session_ttl=TTL, max_messages_per_session=HELD, sync_interval=300
    )


def archiving(database_url: str, url: str | None = None) -> MemorySettings:
    """Give the settings of a memory that archives when it is asked to, and not by itself."""
    return MemorySettings.load(
        redis_url=url,
        session_ttl=TTL,
        max_messages_per_session=HELD,
        database_url=database_url,
        auto_sync_to_db=False,
        sync_interval=300,
    )


def fill(server: RedisServer, sizes: Sequence[int]) -> None:
    """Append turns in many conversations by turns, and keep the outbox at each size.

    Args:
        server: Where.
        sizes: How many messages are to wait, the smallest first.
    """
    ids = [f"backlog{number}" for number in range(CONVERSATIONS)]
    ConversationMemory(settings=plain(server.url)).append("first", turn(0))  # loads the script
    together(server.control, openings(plain(), ids))
    waiting = 0
    for size in sizes:
        while waiting < size:
            portion = min(PORTION, size - waiting) // 2
            _append(server, [ids[(waiting // 2 + n) % CONVERSATIONS] for n in range(portion)])
            waiting += 2 * portion
        server.control.copy(OUTBOX, _kept(size), replace=True)
    if server.control.xlen(OUTBOX) != waiting // 2:
        raise RuntimeError(f"{server.control.xlen(OUTBOX)} turns wait, not {waiting // 2}")


def put(server: RedisServer, size: int) -> None:
    """Let that many messages wait on the outbox; no drain has seen them."""
    server.control.copy(_kept(size), OUTBOX, replace=True)


def _append(server: RedisServer, session_ids: list[str]) -> None:
    together(server.control, appends(archiving(NOWHERE), session_ids))


def _kept(size: int) -> str:
    return f"backlog:{size}"
