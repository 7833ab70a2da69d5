"""Every key name in Redis, and nothing else that names one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

from openta_memory.errors import SessionIdError

MAX_ID_BYTES = 256
BUCKETS = 64

# Characters that would break a key's parts, a hash tag or a line of output.
_UNSAFE = re.compile(r"[:{}%\s\x00-\x1f\x7f-\x9f]")


def encode_id(value: str, *, what: str = "conversation id") -> str:
    """Percent-encode the characters that would break key names; plain ids stand as they are.

    Args:
        value: A conversation's id or an owner's name: 1 to 256 bytes in UTF-8.
        what: What to call it in an error.

    Raises:
        SessionIdError: When it is not text, empty, too long, or no valid Unicode.
    """
    if not isinstance(value, str) or not value:
        raise SessionIdError(f"{what} must be a non-empty string, got {value!r:.60}")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise SessionIdError(f"{what} {value!r:.60} is not valid Unicode") from None
    if size > MAX_ID_BYTES:
        raise SessionIdError(
            f"{what} {value[:20]!r}... is {size} bytes long, at most {MAX_ID_BYTES} are taken"
        )
    return _UNSAFE.sub(_percent, value)


def shown(name: str) -> str:
    """Percent-encode a name for a line of the log, whatever its length."""
    return _UNSAFE.sub(_percent, name)


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def parked(outbox: str) -> str:
    """Name the stream beside an outbox for entries that can't be archived."""
    return f"{outbox}:parked"


@dataclass(frozen=True, slots=True)
class Keys:
    """The names of one deployment's keys.

    With `cluster`, all keys of a conversation carry the hash tag of one of 64 buckets, so that
    one script call reaches them all; without, names have no tag.
    """

    cluster: bool = False

    def conversation(self, session_id: str) -> tuple[str, str]:
        """Name a conversation's messages and its meta data."""
        name = encode_id(session_id)
        tag = self._tag(name)
        return f"conversation:{tag}{name}", f"conversation:meta:{tag}{name}"

    def owner(self, owner: str, session_id: str) -> str:
        """Name the index of an owner's conversations that this conversation belongs in."""
        tag = self._tag(encode_id(session_id))
        return f"openta:owner:{tag}{encode_id(owner, what='owner')}"

    def asked(self, session_id: str) -> str:
        """Name the set of those who ask the archive for a conversation that Redis lost."""
        name = encode_id(session_id)
        return f"openta:asked:{self._tag(name)}{name}"

    def owners(self, owner: str) -> tuple[str, ...]:
        """Name all indexes of an owner's conversations: one, or one a bucket on a cluster."""
        name = encode_id(owner, what="owner")
        if not self.cluster:
            return (f"openta:owner:{name}",)
        return tuple(f"openta:owner:{{b{bucket:02}}}:{name}" for bucket in range(BUCKETS))

    def outbox(self, session_id: str) -> str:
        """Name the stream that carries this conversation's changes to the archive."""
        return f"openta:outbox:{self._tag(encode_id(session_id))}".rstrip(":")

    def outboxes(self) -> tuple[str, ...]:
        """Name all streams that carry changes to the archive."""
        if not self.cluster:
            return ("openta:outbox",)
        return tuple(f"openta:outbox:{{b{bucket:02}}}" for bucket in range(BUCKETS))

    def _tag(self, name: str) -> str:
        return f"{{b{crc32(name.encode()) % BUCKETS:02}}}:" if self.cluster else ""
