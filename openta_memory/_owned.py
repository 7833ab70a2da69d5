"""Plans for all conversations of an owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openta_memory._commands import Command, Plan
from openta_memory._plans import Plans
from openta_memory._spelling import text
from openta_memory.keys import Keys


def ids(keys: Keys, owner: str) -> Plan[set[str]]:
    """Read which conversations are in an owner's index; some may be gone, or another's by now."""
    commands = tuple(Command(("ZRANGE", key, 0, -1)) for key in keys.owners(owner))
    return Plan(commands, lambda replies: {text(id_) or "" for each in replies for id_ in each})


def clear_each(plans: Plans, session_ids: Sequence[str], owner: str) -> Plan[set[str]]:
    """Remove those that are this owner's; gives those that Redis had."""
    cleared = [plans.clear(each, owner=owner).commands[0] for each in session_ids]

    def read(replies: list[Any]) -> set[str]:
        return {each for each, reply in zip(session_ids, replies, strict=True) if reply[1]}

    return Plan(tuple(cleared), read)
