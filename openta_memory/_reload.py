"""Plans that make Redis forget what the archive knows better, so that it is restored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openta_memory._commands import Command, Plan
from openta_memory.keys import Keys
from openta_memory.scripts import load


def numbers(keys: Keys, session_ids: Sequence[str]) -> Plan[list[bytes]]:
    """Read the seq of each conversation as it stands; empty where Redis has none."""
    commands = tuple(Command(("HGET", keys.conversation(each)[1], "seq")) for each in session_ids)
    return Plan(commands, lambda replies: [_bytes(reply) for reply in replies])


def evict(keys: Keys, session_ids: Sequence[str], numbers: Sequence[bytes]) -> Plan[list[str]]:
    """Drop conversations that still have these seqs; gives those that are gone."""
    commands = tuple(
        Command((number,), load("evict"), (*keys.conversation(each), keys.asked(each)))
        for each, number in zip(session_ids, numbers, strict=True)
    )

    def read(replies: list[Any]) -> list[str]:
        return [each for each, gone in zip(session_ids, replies, strict=True) if gone]

    return Plan(commands, read)


def ping() -> Plan[None]:
    """Ask Redis for a sign of life."""
    return Plan((Command(("PING",)),), lambda _: None)


def now() -> Plan[int]:
    """Read the clock of Redis, as a position on the outbox that nothing there has passed."""
    return Plan((Command(("TIME",)),), lambda replies: _position(*replies[0]))


def _position(seconds: bytes | str, microseconds: bytes | str) -> int:
    return (int(seconds) * 1000 + int(microseconds) // 1000) * 1_000_000


def _bytes(reply: bytes | str | None) -> bytes:
    return reply.encode() if isinstance(reply, str) else reply or b""
