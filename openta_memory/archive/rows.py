"""Pure: records as rows and back, in forms that both databases can hold."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import orjson

from openta_memory.archive.entries import Batch

# PostgreSQL's text holds no NUL and only UTF-8: a record that doesn't fit is wrapped.
_WRAPPED = "base64:"

# Begins what a name's NUL is spelled with, and is spelled itself.
ESCAPE = "\x1a"

# Longer ids would not fit into an index of PostgreSQL's.
_MAX_ID_BYTES = 512

_BIGINT_BITS = 63  # and a sign


def message_row(batch: Batch, seq: int, raw: bytes) -> dict[str, Any]:
    """Give the row of one message; what its JSON doesn't tell is null.

    Raises:
        OverflowError: When no column can hold one of the numbers.
    """
    fields = _fields(raw)
    kwargs = fields.get("additional_kwargs")
    sources = kwargs.get("sources") if isinstance(kwargs, dict) else None
    kind = fields.get("type")
    return {
        "conversation_id": to_name(batch.conversation_id),
        "message_id": _message_id(fields.get("id"), batch.position, seq),
        "seq": _bigint(seq),
        "position": _bigint(batch.position),
        "type": _clean(kind) if isinstance(kind, str) else None,
        "record": to_text(raw),
        "text": _text(fields.get("content")),
        "sources": _sources(sources),
        "stored_ms": _bigint(batch.at_ms),
    }


def message_ids(records: Sequence[bytes]) -> set[str]:
    """Give the ids under which messages stand, of those that have one."""
    given = (_fields(raw).get("id") for raw in records)
    return {_message_id(each, 0, 0) for each in given if isinstance(each, str) and each}


def asked_ms(batch: Batch) -> int:
    """Give when a batch was made ready to be appended, where its JSON tells, in milliseconds."""
    given = _fields(batch.records[0][1]).get("ts") if batch.records else None
    return given if isinstance(given, int) else batch.at_ms


def to_text(raw: bytes) -> str:
    """Give a record as text; one that text can't hold is wrapped in base64."""
    try:
        record = raw.decode()
    except UnicodeDecodeError:
        record = _WRAPPED
    if "\0" in record or record.startswith(_WRAPPED):
        return _WRAPPED + base64.b64encode(raw).decode()
    return record


def from_text(record: str) -> bytes:
    """Give a record's bytes as they were."""
    if record.startswith(_WRAPPED):
        return base64.b64decode(record.removeprefix(_WRAPPED))
    return record.encode()


def to_name(name: str) -> str:
    """Give an id or owner with NUL spelled out; plain ones stand as they are.

    Raises:
        UnicodeEncodeError: When it is no valid Unicode, which drivers tell in ways of their own.
    """
    name.encode()
    return name.replace(ESCAPE, f"{ESCAPE}1").replace("\0", f"{ESCAPE}0")


def from_name(name: str) -> str:
    """Undo `to_name`."""
    return name.replace(f"{ESCAPE}0", "\0").replace(f"{ESCAPE}1", ESCAPE)


def _fields(raw: bytes) -> dict[str, Any]:
    """Give a record's fields; LangChain's own form keeps them in `data`."""
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(record, dict):
        return {}
    inner = record.get("data")
    return {**inner, "type": record.get("type")} if isinstance(inner, dict) else record


def _message_id(given: object, position: int, seq: int) -> str:
    if not isinstance(given, str) or not given:
        return f"{position}.{seq}"
    name = to_name(given)
    if len(name) * 4 > _MAX_ID_BYTES and len(name.encode()) > _MAX_ID_BYTES:
        return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"
    return name


def _bigint(number: int) -> int:
    if number.bit_length() > _BIGINT_BITS:
        raise OverflowError("a number takes more than 64 bits")
    return number


def _sources(given: object) -> str | None:
    if not isinstance(given, list):
        return None
    try:
        return orjson.dumps(given).decode()
    except orjson.JSONEncodeError:
        # Nested too deep to be spelled again; the record has them.
        return None


def _text(content: object) -> str | None:
    if isinstance(content, str):
        return _clean(content)
    if not isinstance(content, list):
        return None
    return _clean("".join(_block_text(block) for block in content))


def _block_text(block: object) -> str:
    if isinstance(block, dict) and block.get("type") == "text":
        block = block.get("text")
    return block if isinstance(block, str) else ""


def _clean(text: str) -> str:
    return text.replace("\0", "\ufffd")
