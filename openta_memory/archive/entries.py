"""What goes into the archive and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from openta_memory._records import Metadata
from openta_memory.errors import ArchiveError

# One message: its number in the conversation, counted from 1, and its JSON as the codec wrote it.
Record = tuple[int, bytes]

# What is numbered above was numbered without knowing all that came before: see `past.settle`.
PROVISIONAL = 2**40

# Where a page of conversations ended: when its last one was appended to, in milliseconds since
# 1970, and that one's id.
Cursor = tuple[int, str]


class UnarchivableError(ArchiveError):
    """Raised when an entry can't be archived whatever is tried; others may well be."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that were appended to a conversation together.

    Attributes:
        conversation_id: The conversation.
        owner: Who may see it; None when nobody was named.
        at_ms: When they were appended, in milliseconds since 1970.
        position: Where this stands among all changes: the outbox entry's stream id as one
            integer, its milliseconds times 1,000,000 plus its number.
        records: The messages, oldest first.
    """

    conversation_id: str
    owner: str | None
    at_ms: int
    position: int
    records: tuple[Record, ...]

    @property
    def is_provisional(self) -> bool:
        """Say whether its numbers are to be settled."""
        return any(seq > PROVISIONAL for seq, _ in self.records)


@dataclass(frozen=True, slots=True)
class Cleared:
    """A conversation was emptied; what stands before `position` is gone.

    Attributes:
        conversation_id: The conversation.
        position: As in a batch.
        token: Names this clear; one that was done with this name is not done again.
        owner: Whose conversation was cleared; None when nobody was named.
    """

    conversation_id: str
    position: int
    token: str = ""
    owner: str | None = None


Entry = Batch | Cleared


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the archive has of a conversation.

    Attributes:
        metadata: `length` counts the records given here; `ttl` is 0.
        records: The latest messages, oldest first.
        ahead: Whether it was written to in a way that Redis does not know of.
    """

    metadata: Metadata
    records: tuple[Record, ...]
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation in a listing.

    Attributes:
        id: Its id.
        owner: Who may see it; None when nobody was named.
        title: What a service calls it.
        created_at: When it was created.
        updated_at: When it was last appended to.
        seq: How many messages were ever appended to it.
    """

    id: str
    owner: str | None
    title: str | None
    created_at: datetime
    updated_at: datetime
    seq: int

    @property
    def cursor(self) -> Cursor:
        """Where a page ends whose last conversation this is."""
        return round(self.updated_at.timestamp() * 1000), self.id


@dataclass(frozen=True, slots=True)
class Counts:
    """How many conversations there are, and how many messages they hold."""

    conversations: int
    messages: int
