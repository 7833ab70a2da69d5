"""What replies become: the records that a memory's callers get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from langchain_core.messages import BaseMessage


@dataclass(frozen=True, slots=True)
class Metadata:
    """What is known of a conversation beside its messages.

    Attributes:
        session_id: The conversation's id.
        owner: Who may see it; None when nobody was named.
        seq: How many messages were ever appended to it.
        length: How many messages it holds now.
        created_at: When it was created; None when Redis lost that.
        updated_at: When it was last appended to.
        title: What a service calls it.
        ttl: Seconds it is kept after this read; 0 keeps it for ever.
        trimmed: The number of the last message that `trim` took away; 0 for none.
    """

    session_id: str
    owner: str | None
    seq: int
    length: int
    created_at: datetime | None
    updated_at: datetime | None
    title: str | None
    ttl: int
    trimmed: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """The messages read, oldest first, and what is known of their conversation.

    Attributes:
        messages: The messages, every field as it was given.
        stored_ms: When each was stored, in milliseconds since 1970; None where unknown.
        metadata: None when there is no such conversation.
        skipped: How many entries could not be decoded and were left out.
    """

    messages: list[BaseMessage]
    stored_ms: list[int | None]
    metadata: Metadata | None
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch as it will be stored.

    Attributes:
        token: Names it to Redis, which does the same append once.
        records: Its messages, encoded; each has its id, by which the archive stores it once.
    """

    token: bytes
    records: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append did.

    Attributes:
        seq: The number of the last message of the batch, counted from 1.
        length: How many messages the conversation holds.
        created: The conversation was begun by it.
        repeated: The same append had been done before; nothing was stored again.
        cold: Nothing was stored: the archive must be asked for the conversation first.
        entry: The outbox entry that carries the last of it; None where that is not known.
    """

    seq: int
    length: int
    created: bool = False
    repeated: bool = False
    cold: bool = False
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How many messages a trim removed, and how many it left."""

    removed: int
    length: int


@dataclass(frozen=True, slots=True)
class Health:
    """What a memory can use.

    Attributes:
        redis: Whether Redis answers.
        archive: Whether the archive does; None where there is none.
        waiting: How many changes wait to be archived; None where that can't be known.
        archives_first: Whether nothing is acknowledged before it is archived.
    """

    redis: bool
    archive: bool | None = None
    waiting: int | None = None
    archives_first: bool = False

    @property
    def can_serve(self) -> bool:
        """Whether conversations can be read and stored."""
        return self.archive is True or (self.redis and not self.archives_first)

    @property
    def is_degraded(self) -> bool:
        """Whether one of the two is away and the other serves alone."""
        return self.can_serve and (not self.redis or self.archive is False)
