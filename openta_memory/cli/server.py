"""Redis as the commands look at it beside the memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Self

from openta_memory import _outbox, store
from openta_memory._commands import Command, Plan
from openta_memory.keys import Keys, parked
from openta_memory.scripts import load
from openta_memory.settings import MemorySettings

_GLOB = re.compile(r"([*?\[\]\\^])")
_KEYS_A_SCAN = 500


class Server:
    """Asks the Redis of the settings; use it in a `with`.

    Every method raises StoreError when Redis can't be used.
    """

    def __init__(self, settings: MemorySettings) -> None:
        self._store = store.RedisStore(store.connect(settings), server=settings.server)
        self._keys = Keys()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def waiting(self) -> int:
        """Count what waits for the archive."""
        return sum(self._store.run(_outbox.length(name)) for name in self._keys.outboxes())

    def parked(self) -> int:
        """Count what could not be archived and was put aside."""
        names = map(parked, self._keys.outboxes())
        return sum(self._store.run(_outbox.length(name)) for name in names)

    def purge(self, conversation_ids: Sequence[str], before_ms: int) -> list[str]:
        """Remove conversations, and give those that may go from the archive, too.

        One that was appended to at that time or later, or of which something waits, is spared.
        """
        names = [name for id_ in conversation_ids for name in self._keys.conversation(id_)]
        (outbox,) = self._keys.outboxes()
        words = (before_ms, *conversation_ids)
        command = Command(words, load("purge"), (outbox, *names))
        gone = self._store.run(Plan((command,), lambda replies: replies[0]))
        return [conversation_ids[index - 1] for index in gone]

    def lists(self, prefix: str) -> list[bytes]:
        """Find the lists whose keys begin with a prefix, in the order of their names."""
        return sorted(set(self._scanned(_GLOB.sub(r"\\\1", prefix) + "*")))

    def oldest_first(self, key: bytes) -> list[bytes]:
        """Read a list that grew at its head, from its oldest entry on."""
        entries: list[bytes] = self._ask("LRANGE", key, 0, -1)
        return entries[::-1]

    def _scanned(self, pattern: str) -> Iterator[bytes]:
        cursor = None
        while cursor != 0:
            words = ("SCAN", cursor or 0, "MATCH", pattern, "COUNT", _KEYS_A_SCAN, "TYPE", "list")
            cursor, found = self._ask(*words)
            yield from found

    def _ask(self, *words: Any) -> Any:
        return self._store.run(Plan((Command(words),), lambda replies: replies[0]))
