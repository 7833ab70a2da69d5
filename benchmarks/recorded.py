"""Appends as the memory sends them, taken down to be sent later, and what the server needs then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.server import RedisServer
from benchmarks.subjects import turn
from openta_memory import ConversationMemory, MemorySettings

CALLS = 100

Words = tuple[Any, ...]
Send = Callable[[Any, list[Words]], None]


class _Recorder:
    """Stands where a client would, and keeps what the memory sends instead of sending it."""

    def __init__(self) -> None:
        self.sent: list[Words] = []

    def execute_command(self, *words: Any, **_: Any) -> list[Any]:
        self.sent.append(words)
        return [b"stored", 1, 1]


def appends(settings: MemorySettings, session_ids: Iterable[str]) -> list[Words]:
    """Give the commands that append a turn to each conversation, each with a token of its own."""
    recorder = _Recorder()
    memory = ConversationMemory(client=recorder, settings=settings)
    for session_id in session_ids:
        memory.append(session_id, turn(7))
    return recorder.sent


def openings(settings: MemorySettings, session_ids: Iterable[str]) -> list[Words]:
    """Give the commands that make sure that conversations exist."""
    recorder = _Recorder()
    memory = ConversationMemory(client=recorder, settings=settings)
    for session_id in session_ids:
        memory.append(session_id, [])
    return recorder.sent


def together(client: Any, batch: list[Words]) -> None:
    """Send commands in one go."""
    pipeline = client.pipeline(transaction=False)
    for words in batch:
        pipeline.execute_command(*words)
    pipeline.execute()


def one_by_one(client: Any, batch: list[Words]) -> None:
    """Send commands as a chat does: each waits for the reply before it."""
    for words in batch:
        client.execute_command(*words)


def server_us(server: RedisServer, send: Callable[[], None]) -> float:
    """Give the server's microseconds a script call, over one round of calls."""
    server.control.config_resetstat()
    send()
    stats = server.info("commandstats")["cmdstat_evalsha"]
    if stats["calls"] != CALLS or stats["failed_calls"]:
        raise RuntimeError(f"expected {CALLS} script calls, the server counted {stats}")
    return float(stats["usec"]) / CALLS
