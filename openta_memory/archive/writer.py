"""Writes entries, inside a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import (
    bindparam,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory.archive import owners
from openta_memory.archive.entries import PROVISIONAL, Batch, Cleared, Entry
from openta_memory.archive.held import MS, Held, Remains, given_rows, hold, insert, save
from openta_memory.archive.rows import asked_ms, message_row, to_name
from openta_memory.archive.tables import MESSAGES


async def write(connection: AsyncConnection, entries: Sequence[Entry]) -> bool:
    """Apply entries in their order; what is there already is left as it is.

    Returns:
        Whether one of their conversations has numbers to be settled.
    """
    ids = sorted({to_name(entry.conversation_id) for entry in entries})
    if not ids:
        return False
    held = await hold(connection, ids)
    not_theirs = await _clear(connection, held, entries)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        conversation = held[to_name(entry.conversation_id)]
        if not isinstance(entry, Batch) or _is_cleared(conversation, entry):
            continue
        if entry.position < not_theirs.get((conversation.id, entry.owner), 0):
            continue
        if owners.differ(conversation, entry):
            await store(connection, rows)
            rows = []
            conversation = await owners.part(connection, held, conversation, entry)
        batch = entry
        if any(seq <= conversation.seq for seq, _ in entry.records):
            await store(connection, rows)
            rows = []
            batch = await _behind(connection, conversation, entry)
        conversation.take(batch)
        rows += [
            message_row(batch, seq, raw) | {"conversation_id": conversation.id}
            for seq, raw in batch.records
        ]
    await store(connection, rows)
    await save(connection, held.values())
    return any(conversation.ahead for conversation in held.values())


async def store(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    """Insert messages that are not there yet."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        await connection.execute(_FROM_JSON, {"rows": orjson.dumps(rows).decode()})
    else:
        await connection.execute(insert(connection, MESSAGES).on_conflict_do_nothing(), rows)


async def _behind(connection: AsyncConnection, held: Held, batch: Batch) -> Batch:
    """Give a batch provisional numbers if other messages have its own.

    Redis may be emptied while another drain writes what it held. The archive, asked at that moment,
    does not know of it yet, so that the same numbers are given twice.
    """
    rows = [message_row(batch, seq, raw) for seq, raw in batch.records]
    others = select(func.count()).where(
        MESSAGES.c.conversation_id == held.id,
        MESSAGES.c.seq.in_([row["seq"] for row in rows]),
        MESSAGES.c.message_id.not_in([row["message_id"] for row in rows]),
    )
    if not await connection.scalar(others):
        return batch
    records = tuple((PROVISIONAL + seq % PROVISIONAL, raw) for seq, raw in batch.records)
    return replace(batch, records=records)


async def _clear(
    connection: AsyncConnection, held: dict[str, Held], entries: Sequence[Entry]
) -> dict[tuple[str, str | None], int]:
    """Apply the last clear of each conversation first: no batch before it is to stay.

    Returns:
        What somebody cleared under an id that is another owner's, by that id and who it was.
    """
    through, not_theirs = _clears(held, entries)
    if through:
        await _empty(connection, held, through)
    return not_theirs


def _clears(
    held: dict[str, Held], entries: Sequence[Entry]
) -> tuple[dict[str, int], dict[tuple[str, str | None], int]]:
    """Give the position of the last clear of each conversation, and of those that are not theirs.

    Who has a conversation changes on the way: behind a clear, it is whose who appends first.
    """
    through: dict[str, int] = {}
    not_theirs: dict[tuple[str, str | None], int] = {}
    owners_now = {id_: each.owner if each.exists else None for id_, each in held.items()}
    for entry in entries:
        id_ = to_name(entry.conversation_id)
        owner = None if entry.owner is None else to_name(entry.owner)
        if isinstance(entry, Batch):
            if not entry.is_provisional and owner is not None:
                owners_now[id_] = owner
        elif owner is not None and owners_now[id_] not in (None, owner):
            not_theirs[id_, entry.owner] = entry.position
        elif _is_new(held[id_], entry):
            through[id_] = max(entry.position, through.get(id_, 0))
            owners_now[id_] = None
    return through, not_theirs


async def _empty(
    connection: AsyncConnection, held: dict[str, Held], through: dict[str, int]
) -> None:
    await connection.execute(
        _EMPTY, [{"of": id_, "before": position} for id_, position in through.items()]
    )
    remains = await _remains(connection, list(through))
    for id_, position in through.items():
        held[id_].clear(position, remains.get(id_))


def _is_cleared(conversation: Held, batch: Batch) -> bool:
    position = batch.position
    if conversation.was_cleared_past_redis:
        # Redis may do late what was asked of it before the clear.
        position = min(position, asked_ms(batch) * MS)
    return position <= conversation.cleared_through


def _is_new(conversation: Held, entry: Cleared) -> bool:
    if entry.token in conversation.clears_past_redis:
        # Done here while Redis hung, which got to it later.
        return False
    return entry.position > conversation.cleared_through


async def _remains(connection: AsyncConnection, ids: list[str]) -> dict[str, Remains]:
    found = await connection.execute(
        select(
            MESSAGES.c.conversation_id,
            func.max(MESSAGES.c.seq % PROVISIONAL),
            func.min(MESSAGES.c.stored_ms),
            func.max(MESSAGES.c.stored_ms),
        )
        .where(MESSAGES.c.conversation_id.in_(ids))
        .group_by(MESSAGES.c.conversation_id)
    )
    return {id_: (seq, first, last) for id_, seq, first, last in found}


_FROM_JSON = (
    postgresql.insert(MESSAGES)
    .from_select([each.name for each in MESSAGES.c], select(given_rows(MESSAGES)))
    .on_conflict_do_nothing()
)

_EMPTY = delete(MESSAGES).where(
    MESSAGES.c.conversation_id == bindparam("of"), MESSAGES.c.position < bindparam("before")
)
