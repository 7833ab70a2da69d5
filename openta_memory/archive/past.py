"""Writes that go past Redis while it is away, and how they are put into their place after.

Redis numbers a conversation's messages. What is written without it gets provisional numbers, and
its row is marked as ahead of Redis. Once all that waited on the outbox is here as well, `settle`
numbers what came since by the time it was stored.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory._records import Appended
from openta_memory.archive.entries import PROVISIONAL, Batch
from openta_memory.archive.held import MS, Held, hold, save
from openta_memory.archive.rows import from_name, message_row, to_name
from openta_memory.archive.tables import CONVERSATIONS, MESSAGES
from openta_memory.archive.writer import store
from openta_memory.errors import OwnerError, StoreUnavailableError
from openta_memory.keys import encode_id

# How many clears of a conversation in one outage are known again when Redis does them late.
_CLEARS = 20


async def append(
    connection: AsyncConnection, conversation_id: str, owner: str | None, records: Sequence[bytes]
) -> Appended:
    """Store messages behind all that is here, whoever else may be storing.

    Raises:
        OwnerError: When the conversation is not this owner's.
    """
    held = await _hold(connection, conversation_id, owner)
    is_new = not held.exists
    seq, position = await _latest(connection, held)
    now_ms = time.time_ns() // 1_000_000
    position = max(now_ms * MS, position, held.cleared_through + 1)
    numbered = tuple(enumerate(records, seq + 1))
    batch = Batch(conversation_id, _owner(held, owner), now_ms, position, numbered)
    held.take(batch)
    held.mark_ahead()
    await store(connection, [message_row(batch, number, raw) for number, raw in numbered])
    await save(connection, [held])
    seq += len(records)
    # All since the last clear are numbered on; to count them would take longer with each.
    return Appended(seq, seq - PROVISIONAL, created=is_new)


async def clear(
    connection: AsyncConnection, conversation_id: str, owner: str | None, token: str
) -> bool:
    """Remove all messages, and what is on its way here; says whether there was a conversation.

    Raises:
        OwnerError: When the conversation is not this owner's.
        StoreUnavailableError: When whose it is can't be known without Redis.
    """
    held = await _hold(connection, conversation_id, owner)
    existed = held.exists
    if owner is not None and not existed and not held.was_cleared_past_redis:
        raise StoreUnavailableError(
            f"only Redis, which is away, may know of a conversation {encode_id(conversation_id)}, "
            "and whose it is: clear it when Redis is back"
        )
    _, position = await _latest(connection, held)
    await connection.execute(delete(MESSAGES).where(MESSAGES.c.conversation_id == held.id))
    tokens = held.clears_past_redis
    held.clear(max(time.time_ns() // 1_000_000 * MS, position, held.cleared_through + 1))
    held.mark_ahead()
    held.cleared_token = " ".join([*tokens[-_CLEARS:], token])
    await save(connection, [held])
    return existed


async def ahead(connection: AsyncConnection, limit: int) -> dict[str, int]:
    """Read which conversations were written to past Redis and are not settled, and their marks."""
    asked = select(CONVERSATIONS.c.id, CONVERSATIONS.c.ahead).where(CONVERSATIONS.c.ahead > 0)
    found = await connection.execute(asked.order_by(CONVERSATIONS.c.id).limit(limit))
    return {from_name(row.id): row.ahead for row in found}


async def settle(
    connection: AsyncConnection, forgotten: Mapping[str, int], through: int | None
) -> None:
    """Number what was written past Redis.

    Args:
        connection: A transaction.
        forgotten: The conversations, and the mark each had before Redis forgot it: what has
            another one by now was written to since, and Redis may know it again without.
        through: A position that all of the outbox that is not here yet stands behind, by the
            clock of Redis, which goes before ours.
    """
    if not forgotten:
        return
    for held in (await hold(connection, sorted(map(to_name, forgotten)))).values():
        await _renumber(connection, held)
        if held.ahead == forgotten[from_name(held.id)]:
            held.ahead = 0
        if through is not None:
            held.cleared_through = min(held.cleared_through, through)
        await save(connection, [held])


async def _renumber(connection: AsyncConnection, held: Held) -> None:
    of_it = MESSAGES.c.conversation_id == held.id
    first = await connection.scalar(
        select(func.min(MESSAGES.c.seq)).where(of_it, MESSAGES.c.seq > PROVISIONAL)
    )
    if first is None:
        return
    # Not what was the last number then: a clear may have come to be known since.
    known = await connection.scalar(
        select(func.max(MESSAGES.c.seq)).where(of_it, MESSAGES.c.seq < first - PROVISIONAL)
    )
    known = known or 0
    since = await connection.execute(
        select(MESSAGES.c.message_id, MESSAGES.c.seq)
        .where(of_it, MESSAGES.c.seq > known)
        .order_by(MESSAGES.c.position, MESSAGES.c.seq)
    )
    numbered = list(enumerate(since, known + 1))
    changed = [
        {"of": held.id, "named": row.message_id, "number": number}
        for number, row in numbered
        if row.seq != number
    ]
    await connection.execute(_NUMBER, changed)
    held.seq = numbered[-1][0]


_NUMBER = (
    update(MESSAGES)
    .where(
        MESSAGES.c.conversation_id == bindparam("of"), MESSAGES.c.message_id == bindparam("named")
    )
    .values(seq=bindparam("number"))
)


async def _hold(connection: AsyncConnection, conversation_id: str, owner: str | None) -> Held:
    id_ = to_name(conversation_id)
    held = (await hold(connection, [id_]))[id_]
    if owner is not None and held.exists and held.owner != to_name(owner):
        raise OwnerError(f"there is no conversation {encode_id(conversation_id)} of this owner")
    return held


def _owner(held: Held, owner: str | None) -> str | None:
    """Give who the conversation belongs to, also when a trusted caller writes to it."""
    if not held.exists:
        return owner
    return None if held.owner is None else from_name(held.owner)


async def _latest(connection: AsyncConnection, held: Held) -> tuple[int, int]:
    """Find the last provisional number, and the position that goes with it."""
    asked = select(func.max(MESSAGES.c.seq), func.max(MESSAGES.c.position)).where(
        MESSAGES.c.conversation_id == held.id, MESSAGES.c.seq > PROVISIONAL
    )
    seq, position = (await connection.execute(asked)).one()
    return seq or PROVISIONAL + held.seq, position or 0
