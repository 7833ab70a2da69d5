"""The archive as the commands read it: in bulk, page by page, oldest first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, func, select

from openta_memory.archive import engines
from openta_memory.archive.database import Archive
from openta_memory.archive.entries import Record
from openta_memory.archive.rows import from_name, to_name
from openta_memory.archive.tables import CONVERSATIONS, MESSAGES
from openta_memory.archive.transactions import Transactions

IDS_A_PAGE = 500
RECORDS_A_PAGE = 200

_EXISTS = CONVERSATIONS.c.created_ms.is_not(None)


class Listed(NamedTuple):
    """A conversation as `list` shows it; `messages` were ever appended to it."""

    conversation_id: str
    title: str | None
    messages: int
    created_at: str
    updated_at: str


class Shelf:
    """Reads one archive.

    Args:
        archive: The archive, open.
        transactions: How queries of ours reach the same database.
    """

    def __init__(self, archive: Archive, transactions: Transactions) -> None:
        self.archive = archive
        self._transactions = transactions

    async def has(self, conversation_id: str, owner: str | None) -> bool:
        """Say whether there is a conversation, of this owner where one is named."""
        found = await self.archive.snapshot(conversation_id, 0)
        return found is not None and owner in (None, found.metadata.owner)

    async def counts(self, owner: str | None = None) -> tuple[int, int]:
        """Count conversations, and their messages."""
        conversations = select(func.count()).select_from(CONVERSATIONS).where(_of(owner))
        messages = select(func.count()).select_from(MESSAGES)
        if owner is not None:
            messages = messages.join(CONVERSATIONS).where(_of(owner))
        ((conversation_count, message_count),) = await self._rows(
            select(conversations.scalar_subquery(), messages.scalar_subquery())
        )
        return conversation_count, message_count

    async def listed(self, owner: str, limit: int | None) -> list[Listed]:
        """Read an owner's conversations, the latest appended to first."""
        table = CONVERSATIONS.c
        rows = await self._rows(
            select(table.id, table.title, table.seq, table.created_ms, table.updated_ms)
            .where(_of(owner))
            .order_by(table.updated_ms.desc(), table.id)
            .limit(limit)
        )
        return [
            Listed(from_name(id_), title, seq, _moment(created), _moment(updated))
            for id_, title, seq, created, updated in rows
        ]

    async def ids(self, owner: str | None) -> AsyncIterator[str]:
        """Read the ids of an owner's conversations, or of all."""
        async for conversation_id in self._ids(_of(owner)):
            yield conversation_id

    async def older(self, than_ms: int) -> list[str]:
        """Read the ids of conversations last appended to before a time."""
        old = and_(_EXISTS, CONVERSATIONS.c.updated_ms < than_ms)
        return [conversation_id async for conversation_id in self._ids(old)]

    async def pages(self, conversation_id: str) -> AsyncIterator[list[Record]]:
        """Read a conversation from its first message on, a page at a time."""
        newest = await self.archive.page(conversation_id, None, 1)
        last = newest[0][0] if newest else 0
        for first in range(1, last + 1, RECORDS_A_PAGE):
            if records := await self._page(conversation_id, first):
                yield records

    async def _page(self, conversation_id: str, first: int) -> list[Record]:
        # A number can stand twice where Redis lost a conversation that was not archived yet, so
        # a page is whole only when it is not full or reaches back before its first number.
        limit = RECORDS_A_PAGE + 1
        while True:
            records = await self.archive.page(conversation_id, first + RECORDS_A_PAGE, limit)
            if len(records) < limit or records[0][0] < first:
                return [record for record in records if record[0] >= first]
            limit *= 2

    async def _ids(self, condition: ColumnElement[bool]) -> AsyncIterator[str]:
        last = ""
        column = CONVERSATIONS.c.id
        ordered = select(column).where(condition).order_by(column).limit(IDS_A_PAGE)
        while rows := await self._rows(ordered.where(column > last)):
            for (name,) in rows:
                yield from_name(name)
            last = rows[-1][0]

    async def _rows(self, asked: Select[Any]) -> list[Any]:
        async def read(connection: Any) -> list[Any]:
            return list((await connection.execute(asked)).all())

        return await self._transactions.run(read, writes=False)


@asynccontextmanager
async def opened(archive: Archive, url: str) -> AsyncIterator[Shelf]:
    """Open an archive, and close it after.

    Args:
        archive: The archive.
        url: Where it is, for queries that it has no method for.

    Raises:
        ArchiveError: When it can't be used.
    """
    engine = engines.build_engine(url)
    try:
        await archive.open()
        yield Shelf(archive, Transactions(engine, archive.database))
    finally:
        await engine.dispose()
        await archive.aclose()


def _of(owner: str | None) -> ColumnElement[bool]:
    return _EXISTS if owner is None else and_(_EXISTS, CONVERSATIONS.c.owner == to_name(owner))


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
