"""How owners, times and tokens are spelled for Redis, and read back."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from hashlib import blake2b

from openta_memory.keys import encode_id


def named(owner: str | None) -> str:
    """Spell an owner for a script; nobody named is a trusted caller."""
    if owner is None:
        return ""
    encode_id(owner, what="owner")
    return owner


def counted(number: int, least: int, what: str, *, most: int | None = None) -> None:
    """Refuse what is no whole number within its bounds.

    Raises:
        ValueError: When it is not.
    """
    if not isinstance(number, int) or number < least or (most is not None and number > most):
        upper = "" if most is None else f" and at most {most}"
        raise ValueError(
            f"{what} must be a whole number, {least} or more{upper}, got {number!r:.40}"
        )


def text(value: bytes | str | None) -> str | None:
    """Read a text that may be absent."""
    return value.decode() if isinstance(value, bytes) else value


def moment(written: bytes | str | None) -> datetime | None:
    """Read a time that is written in milliseconds since 1970."""
    return datetime.fromtimestamp(int(written) / 1000, UTC) if written else None


def milliseconds(at: datetime | None) -> int:
    """Write a time, now where there is none, in milliseconds since 1970."""
    return round((at or datetime.now(UTC)).timestamp() * 1000)


def short(token: str) -> bytes:
    """Spell a caller's token in 8 characters, whatever it is made of."""
    encode_id(token, what="token")
    return b64encode(blake2b(token.encode(), digest_size=6).digest())
