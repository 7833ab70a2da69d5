"""What the log tells: what happened to which session, never what was said."""

from __future__ import annotations

import logging

from openta_memory.errors import OpenTAMemoryError
from openta_memory.keys import encode_id

logger = logging.getLogger("openta_memory")


def say(sentence: str, *facts: str | int) -> None:
    """Log a line; ids in it can write no lines of their own."""
    if logger.isEnabledFor(logging.INFO):
        names = [encode_id(fact) if isinstance(fact, str) else fact for fact in facts]
        logger.info("[SESSION] " + sentence, *names)  # noqa: G003 - one marker for all lines


def described(error: Exception) -> str:
    """Give an error for the log: what it says only where it is ours, which quotes nothing."""
    said = f": {error}" if isinstance(error, OpenTAMemoryError) else ""
    return f"{type(error).__name__}{said}"
