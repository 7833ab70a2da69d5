"""What is sent to Redis: commands, and plans that say how to read what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from redis.client import NEVER_DECODE

from openta_memory.scripts import Script

T = TypeVar("T")
U = TypeVar("U")

# Replies are read as bytes whatever the client's own settings say.
AS_BYTES = {NEVER_DECODE: True}


@dataclass(slots=True)
class Command:
    """One command: a script called on keys with arguments, or words for Redis as they are.

    An inline script always travels with its source.
    """

    words: tuple[Any, ...]
    script: Script | None = None
    keys: tuple[str, ...] = ()
    inline: bool = False

    def as_evalsha(self) -> tuple[Any, ...]:
        """Spell it out for a server that may know the script already."""
        if self.script is None or self.inline:
            return self.as_eval()
        return ("EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.words)

    def as_eval(self) -> tuple[Any, ...]:
        """Spell it out for a server that doesn't know the script."""
        if self.script is None:
            return self.words
        return ("EVAL", self.script.source, len(self.keys), *self.keys, *self.words)


@dataclass(slots=True)
class Plan(Generic[T]):
    """What to send in one round trip, and how to read the replies."""

    commands: tuple[Command, ...]
    read: Callable[[list[Any]], T]

    def and_then(self, other: Plan[U]) -> Plan[tuple[T, U]]:
        """Join another plan to this one, in the same round trip.

        Only its last script may be unknown to the server: were another, all would be sent again
        after a part of it was done.
        """
        mine = len(self.commands)
        return Plan(
            tuple(replace(command, inline=True) for command in self.commands) + other.commands,
            lambda replies: (self.read(replies[:mine]), other.read(replies[mine:])),
        )
