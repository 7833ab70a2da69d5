"""Reads conversations, inside a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory._records import Metadata
from openta_memory.archive.entries import Conversation, Counts, Cursor, Record, Snapshot
from openta_memory.archive.rows import from_name, from_text, message_ids, to_name
from openta_memory.archive.tables import CONVERSATIONS, MESSAGES

_LATEST_FIRST = (MESSAGES.c.seq.desc(), MESSAGES.c.position.desc())

# Where a message stands in its conversation: a number alone may stand twice.
Place = tuple[int, int, str]
_PLACE = (MESSAGES.c.seq, MESSAGES.c.position, MESSAGES.c.message_id)


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
    return Snapshot(_metadata(rows[0], len(records)), records, ahead=rows[0].ahead > 0)


async def has(connection: AsyncConnection, conversation_id: str, records: Sequence[bytes]) -> bool:
    """Say whether all of these messages, which have ids, are there."""
    ids = message_ids(records)
    found = select(func.count()).where(
        MESSAGES.c.conversation_id == to_name(conversation_id), MESSAGES.c.message_id.in_(ids)
    )
    return await connection.scalar(found) == len(ids)


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


async def following(
    connection: AsyncConnection, conversation_id: str, after: Place | None, limit: int
) -> tuple[list[Record], Place] | None:
    """Read the `limit` messages after a place (None: the first), and tell the last one's."""
    asked = (
        select(*_PLACE, MESSAGES.c.record)
        .where(MESSAGES.c.conversation_id == to_name(conversation_id))
        .order_by(*_PLACE)
        .limit(limit)
    )
    if after is not None:
        asked = asked.where(tuple_(*_PLACE) > after)
    rows = (await connection.execute(asked)).all()
    if not rows:
        return None
    records = [(row.seq, from_text(row.record)) for row in rows]
    return records, (rows[-1].seq, rows[-1].position, rows[-1].message_id)


async def conversations(
    connection: AsyncConnection, owner: str | None, before: Cursor | None, limit: int
) -> list[Conversation]:
    """Read conversations, the latest appended to first."""
    latest = (CONVERSATIONS.c.updated_ms, CONVERSATIONS.c.id)
    asked = select(CONVERSATIONS).where(_of(owner)).order_by(*(each.desc() for each in latest))
    if before is not None:
        asked = asked.where(tuple_(*latest) < (before[0], to_name(before[1])))
    return [_conversation(row) for row in await connection.execute(asked.limit(limit))]


async def ids(
    connection: AsyncConnection,
    owner: str | None,
    older_than_ms: int | None,
    after: str | None,
    limit: int,
) -> list[str]:
    """Read ids of conversations, in an order that does not change."""
    asked = select(CONVERSATIONS.c.id).where(_of(owner)).order_by(CONVERSATIONS.c.id)
    if older_than_ms is not None:
        asked = asked.where(CONVERSATIONS.c.updated_ms < older_than_ms)
    if after is not None:
        asked = asked.where(CONVERSATIONS.c.id > to_name(after))
    return [from_name(id_) for id_ in await connection.scalars(asked.limit(limit))]


async def counts(connection: AsyncConnection, owner: str | None) -> Counts:
    """Count conversations and their messages in one query."""
    counted = select(func.count()).select_from(CONVERSATIONS).where(_of(owner))
    messages = select(func.count()).select_from(MESSAGES)
    if owner is not None:
        messages = messages.join(CONVERSATIONS).where(_of(owner))
    asked = select(counted.scalar_subquery(), messages.scalar_subquery())
    return Counts(*(await connection.execute(asked)).one())


def _of(owner: str | None) -> ColumnElement[bool]:
    exists = CONVERSATIONS.c.created_ms.is_not(None)
    return exists if owner is None else and_(exists, CONVERSATIONS.c.owner == to_name(owner))


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation(
        id=from_name(row.id),
        owner=_owner(row),
        title=row.title,
        created_at=_moment(row.created_ms),
        updated_at=_moment(row.updated_ms),
        seq=row.seq,
    )


def _metadata(row: Row[Any], length: int) -> Metadata:
    return Metadata(
        session_id=from_name(row.id),
        owner=_owner(row),
        seq=row.seq,
        length=length,
        created_at=_moment(row.created_ms),
        updated_at=_moment(row.updated_ms),
        title=row.title,
        ttl=0,
    )


def _owner(row: Row[Any]) -> str | None:
    return None if row.owner is None else from_name(row.owner)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
