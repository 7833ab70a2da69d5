"""Stored records as JSON."""

from __future__ import annotations

from typing import Any

import orjson

from openta_memory._records import Window
from openta_memory.codec import JSONCodec

UNDECODABLE = "undecodable"


def record_of(raw: bytes) -> dict[str, Any]:
    """Read a stored record; what is no JSON object is given as text in `undecodable`."""
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        record = None
    if isinstance(record, dict):
        return record
    return {UNDECODABLE: raw.decode(errors="backslashreplace")}


def records_of(window: Window, conversation_id: str) -> list[dict[str, Any]]:
    """Give messages that were read as the records they were stored as."""
    codec = JSONCodec()
    found = []
    for message, at_ms in zip(window.messages, window.stored_ms, strict=True):
        raw = codec.encode(conversation_id, message, new_id="", now_ms=at_ms or 0)
        found.append(record_of(raw) | {"ts": at_ms})
    return found


class JSONArray:
    """Spells a JSON array piece by piece, one item a line."""

    def __init__(self) -> None:
        self._mark = b"["

    def items(self, records: list[dict[str, Any]]) -> bytes:
        """Spell the next items."""
        text = b""
        for record in records:
            text += self._mark + b"\n" + orjson.dumps(record)
            self._mark = b","
        return text

    def end(self) -> bytes:
        """Spell the end."""
        return b"[]\n" if self._mark == b"[" else b"\n]\n"
