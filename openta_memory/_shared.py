"""One memory a process for the same settings, so that its pools are shared."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Any

from openta_memory.errors import SettingsError
from openta_memory.memory import ConversationMemory
from openta_memory.settings import MemorySettings

# A cache alone would let threads that come at once build one each.
_BUILDING = Lock()


def shared(settings: MemorySettings) -> ConversationMemory:
    """Give this process's memory of these settings."""
    with _BUILDING:
        return _build(settings)


@lru_cache(maxsize=16)
def _build(settings: MemorySettings) -> ConversationMemory:
    return ConversationMemory(settings=settings)


def memory_or_shared(memory: ConversationMemory | None, **given: Any) -> ConversationMemory:
    """Give the memory that was handed in, or this process's one of these settings.

    Raises:
        SettingsError: When both are given.
    """
    if memory is None:
        return shared(MemorySettings.load(**given))
    if any(value is not None for value in given.values()):
        raise SettingsError("pass either memory= or settings of its own, not both")
    return memory
