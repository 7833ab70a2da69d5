"""The archive: a durable copy of every conversation, in SQLite or PostgreSQL.

Needs the extra: `pip install "openta-memory[archive]"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openta_memory.archive.entries import Batch, Cleared, Conversation, Counts, Entry, Snapshot
from openta_memory.errors import MissingExtraError

if TYPE_CHECKING:
    from openta_memory.archive.database import Archive

__all__ = ["Archive", "Batch", "Cleared", "Conversation", "Counts", "Entry", "Snapshot"]


def __getattr__(name: str) -> Any:
    if name != "Archive":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from openta_memory.archive.database import Archive  # noqa: PLC0415 - an extra
    except ImportError as error:
        if (error.name or "").startswith("openta_memory"):
            raise
        raise MissingExtraError(
            "the archive needs SQLAlchemy, which is not installed: "
            'pip install "openta-memory[archive]"'
        ) from None
    return Archive
