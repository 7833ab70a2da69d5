"""Plans for the outbox, the stream that carries changes to the archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openta_memory._commands import Command, Plan
from openta_memory.keys import parked
from openta_memory.scripts import load

GROUP = "archive"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One entry as it stands on the stream.

    Attributes:
        id: The stream's id of it, `<milliseconds>-<number>`.
        fields: What append.lua, clear.lua or a stranger put there; empty when it was deleted.
    """

    id: str
    fields: dict[str, bytes]

    @property
    def position(self) -> int:
        """Its id as one number that grows with every entry."""
        milliseconds, number = self.id.split("-")
        return int(milliseconds) * 1_000_000 + min(int(number), 999_999)


def create_group(stream: str) -> Plan[None]:
    """Make the consumer group; Redis answers BUSYGROUP when there is one."""
    words = ("XGROUP", "CREATE", stream, GROUP, "0", "MKSTREAM")
    return Plan((Command(words),), lambda _: None)


def read_new(stream: str, consumer: str, count: int) -> Plan[list[OutboxEntry]]:
    """Take entries that no consumer was given yet."""
    return _read(stream, consumer, count, ">")


def read_own(stream: str, consumer: str, count: int) -> Plan[list[OutboxEntry]]:
    """Take entries again that this consumer was given and did not settle."""
    return _read(stream, consumer, count, "0")


def take_over(stream: str, consumer: str, count: int, idle_ms: int) -> Plan[list[OutboxEntry]]:
    """Take entries that another consumer was given and has not settled for this long."""
    words = ("XAUTOCLAIM", stream, GROUP, consumer, idle_ms, "0-0", "COUNT", count)
    return Plan((Command(words),), lambda replies: _entries(replies[0][1]))


def settle(stream: str, ids: Sequence[str]) -> Plan[int]:
    """Take entries off the stream that are archived."""
    command = Command((GROUP, *ids), load("archived"), (stream,))
    return Plan((command,), lambda replies: int(replies[0]))


def park(stream: str, entry_id: str, why: str) -> Plan[bool]:
    """Take an entry off the stream that can't be archived; says whether it still was there."""
    command = Command((GROUP, entry_id, why), load("park"), (stream, parked(stream)))
    return Plan((command,), lambda replies: bool(replies[0]))


def ends(stream: str) -> Plan[tuple[OutboxEntry | None, OutboxEntry | None]]:
    """Look at the oldest and the newest entry."""
    commands = (
        Command(("XRANGE", stream, "-", "+", "COUNT", 1)),
        Command(("XREVRANGE", stream, "+", "-", "COUNT", 1)),
    )

    def read(replies: list[Any]) -> tuple[OutboxEntry | None, OutboxEntry | None]:
        oldest, newest = (next(iter(_entries(reply)), None) for reply in replies)
        return oldest, newest

    return Plan(commands, read)


def length(stream: str) -> Plan[int]:
    """Count the entries that wait."""
    return Plan((Command(("XLEN", stream)),), lambda replies: int(replies[0]))


def _read(stream: str, consumer: str, count: int, start: str) -> Plan[list[OutboxEntry]]:
    words = ("XREADGROUP", "GROUP", GROUP, consumer, "COUNT", count, "STREAMS", stream, start)
    return Plan((Command(words),), lambda replies: _entries(_of_stream(replies[0])))


def _of_stream(reply: Any) -> Any:
    if not reply:
        return []
    if isinstance(reply, dict):
        return next(iter(reply.values()))
    return reply[0][1]


def _entries(reply: Any) -> list[OutboxEntry]:
    return [
        OutboxEntry(_text(entry_id), {_text(name): _bytes(value) for name, value in fields.items()})
        for entry_id, fields in ((each[0], each[1] or {}) for each in reply if each)
    ]


def _text(value: bytes | str) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
