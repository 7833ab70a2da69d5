"""The archive's face: what the memory writes to it and reads from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from openta_memory._records import Appended
from openta_memory.archive import engines, past, purging, reader, writer
from openta_memory.archive.entries import Conversation, Counts, Cursor, Entry, Record, Snapshot
from openta_memory.archive.migrations import migrate
from openta_memory.archive.purging import Consent
from openta_memory.archive.transactions import Transactions
from openta_memory.errors import ArchiveUnavailableError

T = TypeVar("T")

# To change the form of big tables takes long.
MIGRATION_SECONDS = 120.0


class Archive:
    """Conversations in SQLite or PostgreSQL, for as long as nobody removes them.

    Building it opens no connection. The first call opens it where `open` was not called. Its
    connections belong to the event loop that first used them.

    Every method raises `ArchiveUnavailableError` when the database can't be reached, is locked or
    doesn't answer in 20 seconds, and `ArchiveError` when it refuses. To open it may take longer.

    Args:
        url_or_engine: `sqlite:///path`, `postgresql://user:password@host/database`, or an
            engine of the caller's, which `aclose` leaves open.

    Raises:
        ArchiveError: When the URL names no database that can be an archive.
        MissingExtraError: When the database's driver is not installed.

    Example:
        >>> import asyncio
        >>> async def keep() -> int:
        ...     archive = Archive("sqlite:///archive.db")
        ...     await archive.write([Batch("conv_1", None, 1, 1, ((1, b'{"type":"human"}'),))])
        ...     kept = await archive.page("conv_1", before=None, limit=10)
        ...     await archive.aclose()
        ...     return len(kept)
    """

    def __init__(self, url_or_engine: str | AsyncEngine) -> None:
        self._is_ours = isinstance(url_or_engine, str)
        if isinstance(url_or_engine, str):
            url_or_engine = engines.build_engine(url_or_engine)
        self._engine = url_or_engine
        self.database = engines.shown(url_or_engine.url)
        """The database's URL without its password."""
        self._transactions = Transactions(url_or_engine, self.database)
        self._is_open = False
        self._asked: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Create what is missing: a SQLite file's directory, the tables and the view.

        May be called again, and by several processes at once. It is given up after 120 seconds.

        Raises:
            ArchiveError: When a newer release has already changed the database.
        """
        if self._is_ours and self._engine.dialect.name == "sqlite":
            self._transactions.create_directory()
            await self._transactions.use_wal()
        await self._transactions.run(migrate, seconds=MIGRATION_SECONDS)
        self._is_open = True

    async def write(self, entries: Sequence[Entry]) -> bool:
        """Write entries in their order, in one transaction; repeating it changes nothing.

        A message is known by its conversation and its id, and stored once. A batch from before
        a conversation was cleared is left out.

        Returns:
            Whether one of the conversations is `ahead` of Redis.
        """
        return await self._run(lambda connection: writer.write(connection, entries))

    async def snapshot(self, conversation_id: str, limit: int | None) -> Snapshot | None:
        """Read a conversation and the latest `limit` of its messages (None: all), in one query.

        Returns:
            None when there is no such conversation, or it was cleared and holds nothing since.
        """
        return await self._run(
            lambda connection: reader.snapshot(connection, conversation_id, limit), writes=False
        )

    async def page(self, conversation_id: str, before: int | None, limit: int) -> list[Record]:
        """Read the `limit` messages before number `before` (None: the latest), oldest first."""
        return await self._run(
            lambda connection: reader.page(connection, conversation_id, before, limit), writes=False
        )

    async def pages(self, conversation_id: str, limit: int) -> AsyncIterator[list[Record]]:
        """Read all of a conversation, oldest first, `limit` messages at a time."""
        after = None
        while found := await self._run(
            partial(reader.following, conversation_id=conversation_id, after=after, limit=limit),
            writes=False,
        ):
            page, after = found
            yield page

    async def has(self, conversation_id: str, records: Sequence[bytes]) -> bool:
        """Say whether all of these messages, which have ids, are there."""
        return await self._run(
            lambda connection: reader.has(connection, conversation_id, records), writes=False
        )

    async def conversations(
        self, owner: str | None = None, *, before: Cursor | None = None, limit: int = 50
    ) -> list[Conversation]:
        """Read a page of conversations, the latest appended to first.

        Args:
            owner: Whose; None stands for everybody's.
            before: Where the page before ended: the `cursor` of its last conversation.
            limit: How many at most.
        """
        return await self._run(
            lambda connection: reader.conversations(connection, owner, before, limit), writes=False
        )

    async def ids(
        self,
        owner: str | None = None,
        *,
        older_than_ms: int | None = None,
        after: str | None = None,
        limit: int = 500,
    ) -> list[str]:
        """Read a page of conversations' ids, in an order that appends don't change.

        Args:
            owner: Whose; None stands for everybody's.
            older_than_ms: Only those last appended to before it, in milliseconds since 1970.
            after: The last id of the page before.
            limit: How many at most.
        """
        return await self._run(
            lambda connection: reader.ids(connection, owner, older_than_ms, after, limit),
            writes=False,
        )

    async def counts(self, owner: str | None = None) -> Counts:
        """Count the conversations of an owner, or of all, and the messages in them."""
        return await self._run(lambda connection: reader.counts(connection, owner), writes=False)

    async def purge(self, older_than_ms: int, *, consent: Consent | None = None) -> int:
        """Remove conversations last appended to before a time; one that goes on meanwhile stays.

        Args:
            older_than_ms: The time, in milliseconds since 1970.
            consent: Is asked which of some ids may go, while nobody can write to them here; once
                more when the transaction has to be repeated. Without it, all may.

        Returns:
            How many it were; conversations that had been cleared don't count.
        """
        purged, after = 0, ""
        while some := await self._run(self._purging(older_than_ms, after, consent)):
            after, count = some
            purged += count
        return purged

    async def append(
        self, conversation_id: str, owner: str | None, records: Sequence[bytes]
    ) -> Appended:
        """Store messages while Redis is away; they are numbered for good by `settle`.

        Raises:
            OwnerError: When the conversation is not this owner's.
        """
        return await self._run(
            lambda connection: past.append(connection, conversation_id, owner, records)
        )

    async def clear(self, conversation_id: str, owner: str | None, token: str) -> bool:
        """Clear a conversation while Redis is away; says whether there was one.

        Raises:
            OwnerError: When the conversation is not this owner's.
        """
        return await self._run(
            lambda connection: past.clear(connection, conversation_id, owner, token)
        )

    async def ahead(self, limit: int) -> dict[str, int]:
        """Read which conversations were changed while Redis was away, and the last mark."""
        return await self._run(lambda connection: past.ahead(connection, limit), writes=False)

    async def settle(self, forgotten: Mapping[str, int], through: int | None = None) -> None:
        """Number what was stored while Redis was away.

        Args:
            forgotten: Conversations, and the mark that each had before Redis forgot it; 0 where
                that is not known.
            through: Where the outbox stood then.
        """
        await self._run(lambda connection: past.settle(connection, forgotten, through))

    async def ping(self, *, seconds: float | None = None) -> None:
        """Make sure that the database answers.

        Args:
            seconds: How long to wait for that; None: as long as for any other call.
        """
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(self._ping())
            self._asked.add_done_callback(lambda late: late.cancelled() or late.exception())
        # Neither cancelled nor asked twice: a driver takes long to give up what hangs.
        answered, _ = await asyncio.wait({self._asked}, timeout=seconds)
        if not answered:
            raise ArchiveUnavailableError(
                f"the archive at {self.database} did not answer in {seconds} seconds"
            )
        self._asked.result()

    async def aclose(self) -> None:
        """Close the connections; an engine that was handed in stays open."""
        if self._asked:
            self._asked.cancel()
        if self._is_ours:
            await self._engine.dispose()

    def drop_connections(self) -> None:
        """Leave the connections to the process that this one was forked off, and open others."""
        self._asked = None
        self._engine.sync_engine.dispose(close=False)

    async def _run(
        self, work: Callable[[AsyncConnection], Awaitable[T]], *, writes: bool = True
    ) -> T:
        if not self._is_open:
            await self.open()
        return await self._transactions.run(work, writes=writes)

    async def _ping(self) -> None:
        await self._run(lambda connection: connection.execute(text("SELECT 1")), writes=False)

    def _purging(
        self, older_than_ms: int, after: str, consent: Consent | None
    ) -> Callable[[AsyncConnection], Awaitable[tuple[str, int] | None]]:
        return lambda connection: purging.purge_some(connection, older_than_ms, after, consent)
