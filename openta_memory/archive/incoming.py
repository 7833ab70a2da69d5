"""Reads what stands on the outbox, and tells apart what our scripts would not have put there."""

from __future__ import annotations

from openta_memory._outbox import OutboxEntry
from openta_memory.archive.entries import Batch, Cleared, Entry, Record, UnarchivableError
from openta_memory.errors import SessionIdError
from openta_memory.keys import encode_id

# What a column holds, and what a date can be.
_LARGEST = 2**63 - 1
_LATEST_MS = 253_402_300_799_999  # the year 9999


def read(entry: OutboxEntry) -> Entry:
    """Give what an entry says.

    Raises:
        UnarchivableError: When it says nothing that can be archived; what it holds is not quoted.
    """
    if entry.position > _LARGEST:
        raise UnarchivableError("its id is out of range")
    operation = entry.fields.get("op")
    if operation == b"clear":
        token, owner = _text(entry, "token", b""), _text(entry, "owner", b"")
        named = _named(owner, "owner") if owner else None
        return Cleared(_conversation_id(entry), entry.position, token, named)
    if operation != b"append":
        raise UnarchivableError("op is neither append nor clear")
    return Batch(
        conversation_id=_conversation_id(entry),
        owner=_owner(entry),
        at_ms=_number(entry.fields.get("at", b""), "at", _LATEST_MS),
        position=entry.position,
        records=_records(entry),
    )


def _conversation_id(entry: OutboxEntry) -> str:
    return _named(_text(entry, "id"), "id")


def _owner(entry: OutboxEntry) -> str | None:
    owner = _text(entry, "owner")
    return _named(owner, "owner") if owner else None


def _named(name: str, field: str) -> str:
    try:
        encode_id(name)
    except SessionIdError:
        raise UnarchivableError(f"{field} is empty or too long") from None
    return name


def _text(entry: OutboxEntry, field: str, default: bytes | None = None) -> str:
    value = entry.fields.get(field, default)
    if value is None:
        raise UnarchivableError(f"{field} is missing")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise UnarchivableError(f"{field} is no text") from None


def _records(entry: OutboxEntry) -> tuple[Record, ...]:
    records = tuple(
        (_number(name.encode(), "a message's number", _LARGEST), value)
        for name, value in entry.fields.items()
        if name.isdigit()
    )
    if not records:
        raise UnarchivableError("it holds no message")
    return records


def _number(digits: bytes, what: str, largest: int) -> int:
    # Their count first: Python refuses to read thousands of digits.
    if not digits.isdigit() or len(digits) > len(str(largest)) or int(digits) > largest:
        raise UnarchivableError(f"{what} is missing, no number or out of range")
    return int(digits)
