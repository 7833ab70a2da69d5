"""Removes conversations that nobody went on with, inside transactions that the caller holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, collate, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory.archive.rows import from_name, to_name
from openta_memory.archive.tables import CONVERSATIONS, MESSAGES

# Is given ids of conversations, and gives those that may go.
Consent = Callable[[Sequence[str]], Awaitable[Collection[str]]]

_CHUNK = 500


async def purge_some(
    connection: AsyncConnection, older_than_ms: int, after: str, consent: Consent | None
) -> tuple[str, int] | None:
    """Remove some of the conversations last appended to before a time, every trace of them.

    Their rows are held from the choice to the removal: an append that was first has made its
    conversation young, and one that comes later waits and begins it anew.

    Returns:
        The last id that was looked at, and how many conversations went, without those that had
        been cleared; None when there is no id after `after`.
    """
    is_old = CONVERSATIONS.c.updated_ms < older_than_ms
    found = await connection.scalars(
        select(CONVERSATIONS.c.id)
        .where(is_old, CONVERSATIONS.c.id > to_name(after))
        .order_by(CONVERSATIONS.c.id)
        .limit(_CHUNK)
    )
    ids = list(found)
    if not ids:
        return None
    rows = await _held(connection, CONVERSATIONS.c.id.in_(ids) & is_old)
    old = [from_name(row.id) for row in rows if row.created_ms is not None]
    going = await consent(old) if consent and old else old
    gone = [row.id for row in rows if row.created_ms is None] + [to_name(id_) for id_ in going]
    await connection.execute(delete(MESSAGES).where(MESSAGES.c.conversation_id.in_(gone)))
    await connection.execute(delete(CONVERSATIONS).where(CONVERSATIONS.c.id.in_(gone)))
    return from_name(ids[-1]), len(going)


async def _held(connection: AsyncConnection, condition: ColumnElement[bool]) -> Sequence[Any]:
    """Hold rows in the order in which `write` does, so that two at once can't block each other."""
    order: ColumnElement[str] = CONVERSATIONS.c.id
    if connection.dialect.name == "postgresql":
        order = collate(order, "C")
    asked = select(CONVERSATIONS.c.id, CONVERSATIONS.c.created_ms).where(condition)
    return (await connection.execute(asked.order_by(order).with_for_update())).all()
