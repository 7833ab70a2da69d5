"""Removes conversations that nobody went on with, inside transactions that the caller holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory.archive import writer
from openta_memory.archive.rows import from_name, to_name
from openta_memory.archive.tables import CONVERSATIONS

# Is given ids of conversations, and gives those that may go.
Consent = Callable[[Sequence[str]], Awaitable[Collection[str]]]

_CHUNK = 500


async def purge_some(
    connection: AsyncConnection, older_than_ms: int, after: str, consent: Consent | None
) -> tuple[str, int] | None:
    """Remove some of the conversations last appended to before a time.

    Their rows are held from the choice to the removal: an append that was first has made its
    conversation young, and one that comes later waits and begins it anew.

    Returns:
        The last id that was looked at, and how many conversations went, without those that had
        been cleared; None when there is no id after `after`.
    """
    asked = (
        select(CONVERSATIONS.c.id, CONVERSATIONS.c.created_ms)
        .where(CONVERSATIONS.c.updated_ms < older_than_ms, CONVERSATIONS.c.id > to_name(after))
        .order_by(CONVERSATIONS.c.id)
        .limit(_CHUNK)
        .with_for_update()
    )
    rows = (await connection.execute(asked)).all()
    if not rows:
        return None
    old = [from_name(row.id) for row in rows if row.created_ms is not None]
    going = await consent(old) if consent and old else old
    ids = [row.id for row in rows if row.created_ms is None] + [to_name(id_) for id_ in going]
    await writer.remove(connection, CONVERSATIONS.c.id.in_(ids), limit=_CHUNK)
    return from_name(rows[-1].id), len(going)
