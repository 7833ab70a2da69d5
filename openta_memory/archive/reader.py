"""Reads conversations, inside a transaction that the caller holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory._records import Metadata
from openta_memory.archive.entries import Record, Snapshot
from openta_memory.archive.rows import from_name, from_text, to_name
from openta_memory.archive.tables import CONVERSATIONS, MESSAGES

_LATEST_FIRST = (MESSAGES.c.seq.desc(), MESSAGES.c.position.desc())


async def snapshot(
    connection: AsyncConnection, conversation_id: str, limit: int | None
) -> Snapshot | None:
    """Read a conversation and its latest messages in one query."""
    asked = (
        select(CONVERSATIONS, MESSAGES.c.seq.label("number"), MESSAGES.c.record)
        .outerjoin_from(CONVERSATIONS, MESSAGES, MESSAGES.c.conversation_id == CONVERSATIONS.c.id)
        .where(CONVERSATIONS.c.id == to_name(conversation_id))
        .order_by(*_LATEST_FIRST)
        .limit(None if limit is None else max(limit, 1))
    )
    rows = (await connection.execute(asked)).all()
    if not rows or rows[0].created_ms is None:
        return None
    found = [] if limit == 0 or rows[0].record is None else reversed(rows)
    records = tuple((row.number, from_text(row.record)) for row in found)
    return Snapshot(metadata=_metadata(rows[0], len(records)), records=records)


async def page(
    connection: AsyncConnection, conversation_id: str, before: int | None, limit: int
) -> list[Record]:
    """Read the `limit` messages before a number, oldest first."""
    of_it = MESSAGES.c.conversation_id == to_name(conversation_id)
    asked = (
        select(MESSAGES.c.seq, MESSAGES.c.record)
        .where(of_it if before is None else and_(of_it, MESSAGES.c.seq < before))
        .order_by(*_LATEST_FIRST)
        .limit(limit)
    )
    rows = (await connection.execute(asked)).all()
    return [(row.seq, from_text(row.record)) for row in reversed(rows)]


async def owned(
    connection: AsyncConnection, owner: str, limit: int, before_ms: int | None
) -> list[str]:
    """Read the ids of an owner's conversations, the latest appended to first."""
    of_them = CONVERSATIONS.c.owner == to_name(owner)
    asked = (
        select(CONVERSATIONS.c.id)
        .where(
            of_them if before_ms is None else and_(of_them, CONVERSATIONS.c.updated_ms < before_ms)
        )
        .order_by(CONVERSATIONS.c.updated_ms.desc(), CONVERSATIONS.c.id)
        .limit(limit)
    )
    return [from_name(id_) for id_ in await connection.scalars(asked)]


def _metadata(row: Row[Any], length: int) -> Metadata:
    return Metadata(
        session_id=from_name(row.id),
        owner=None if row.owner is None else from_name(row.owner),
        seq=row.seq,
        length=length,
        created_at=datetime.fromtimestamp(row.created_ms / 1000, UTC),
        updated_at=datetime.fromtimestamp(row.updated_ms / 1000, UTC),
        title=row.title,
        ttl=0,
    )
