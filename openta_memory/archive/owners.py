"""Keeps apart what two owners stored under one id while Redis or the archive was away.

With both at hand, an append under an id that is somebody else's is refused. With one of them away,
it may be stored before that is known. Then the conversation is whose it was first, and the other
messages move to a conversation of their own, so that nobody sees what is not theirs.
"""

from __future__ import annotations

import hashlib
import logging

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory.archive.entries import PROVISIONAL, Batch
from openta_memory.archive.held import Held, hold
from openta_memory.archive.rows import ESCAPE, from_name, to_name
from openta_memory.archive.tables import MESSAGES
from openta_memory.keys import shown

logger = logging.getLogger("openta_memory")

_ID_BYTES = 200
_HASH_CHARACTERS = 16


def differ(conversation: Held, batch: Batch) -> bool:
    """Say whether a batch and what is there may not stand together."""
    owner = None if batch.owner is None else to_name(batch.owner)
    if not conversation.exists or conversation.owner == owner:
        return False
    if batch.is_provisional:
        return owner is not None
    return conversation.ahead > 0 and conversation.owner is not None


async def part(
    connection: AsyncConnection,
    held: dict[str, Held],
    conversation: Held,
    batch: Batch,
) -> Held:
    """Make room for a batch whose owner differs; gives the conversation that takes it."""
    second = conversation.owner
    if batch.is_provisional:
        second = None if batch.owner is None else to_name(batch.owner)
    apart = await _apart(connection, held, conversation, second, batch.position)
    logger.error(
        "[ARCHIVE] Messages of another owner under %s are kept under %s",
        *(shown(from_name(name)) for name in (conversation.id, apart.id)),
    )
    if batch.is_provisional:
        # Redis has them under the one id: it is to forget that, too.
        conversation.mark_ahead()
        return apart
    await _move(connection, conversation, apart)
    return conversation


async def _apart(
    connection: AsyncConnection,
    held: dict[str, Held],
    conversation: Held,
    owner: str | None,
    position: int,
) -> Held:
    """Hold the conversation for what this owner has under the id, one for all of it."""
    known = hashlib.sha256(f"{conversation.id}\0{owner}".encode()).hexdigest()[:_HASH_CHARACTERS]
    beginning = conversation.id.encode()[:_ID_BYTES].decode(errors="ignore")
    # A stranger may have taken the name that anybody can work out.
    for name in (known, str(position)):
        id_ = f"{beginning.removesuffix(ESCAPE)}~{name}"
        apart = held.get(id_) or (await hold(connection, [id_]))[id_]
        if not apart.exists or apart.owner == owner:
            break
    held[id_] = apart
    return apart


async def _move(connection: AsyncConnection, conversation: Held, apart: Held) -> None:
    """Move what was stored past Redis, which came later than what waited on the outbox."""
    late = (MESSAGES.c.conversation_id == conversation.id) & (MESSAGES.c.seq > PROVISIONAL)
    times = select(func.min(MESSAGES.c.stored_ms), func.max(MESSAGES.c.stored_ms)).where(late)
    first, last = (await connection.execute(times)).one()
    if first is None:
        return
    await connection.execute(update(MESSAGES).where(late).values(conversation_id=apart.id))
    apart.owner = conversation.owner
    apart.mark_ahead()
    apart.created_ms = min(first, first if apart.created_ms is None else apart.created_ms)
    apart.updated_ms = max(last, apart.updated_ms or 0)
    conversation.clear(conversation.cleared_through)
