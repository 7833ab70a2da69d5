"""Writes entries and removes conversations, inside a transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import (
    JSON,
    ColumnElement,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory.archive.entries import Batch, Cleared, Entry
from openta_memory.archive.rows import from_name, message_row, to_name
from openta_memory.archive.tables import CONVERSATIONS, MESSAGES

_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

_CHUNK = 500
_MS = 1_000_000  # one millisecond in a position

# Of a conversation's messages: the last number, and when the first and the last were stored.
_Remains = tuple[int, int, int]


@dataclass(slots=True)
class _Conversation:
    """A conversation's row while entries are applied to it."""

    id: str
    owner: str | None
    title: str | None
    created_ms: int | None
    updated_ms: int | None
    seq: int
    cleared_through: int

    def take(self, batch: Batch) -> None:
        if self.created_ms is None:
            self.owner = None if batch.owner is None else to_name(batch.owner)
            self.updated_ms = None
            self.created_ms = batch.at_ms
        self.created_ms = min(batch.at_ms, self.created_ms)
        self.updated_ms = max(batch.at_ms, self.updated_ms or 0)
        self.seq = max([self.seq, *(seq for seq, _ in batch.records)])

    def clear(self, position: int, remains: _Remains | None) -> None:
        """Begin anew, with what was appended after the clear and is here already."""
        self.cleared_through = position
        self.title = None
        if remains is None:
            self.owner, self.created_ms, self.seq = None, None, 0
            self.updated_ms = position // _MS
        else:
            self.seq, self.created_ms, self.updated_ms = remains


async def write(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Apply entries in their order; what is there already is left as it is."""
    ids = sorted({to_name(entry.conversation_id) for entry in entries})
    if not ids:
        return
    held = await _lock(connection, ids)
    await _clear(connection, held, entries)
    rows = []
    for entry in entries:
        conversation = held[to_name(entry.conversation_id)]
        if isinstance(entry, Batch) and entry.position > conversation.cleared_through:
            conversation.take(entry)
            rows += [message_row(entry, seq, raw) for seq, raw in entry.records]
    if rows:
        await _store(connection, rows)
    await connection.execute(_UPDATE, [_update_row(held[id_]) for id_ in ids])


async def remove(
    connection: AsyncConnection, condition: ColumnElement[bool], *, limit: int = _CHUNK
) -> list[str]:
    """Remove conversations, every trace of them, and give their ids."""
    # In the order of their ids, as `write` locks them: two at once can't block each other.
    found = await connection.scalars(
        select(CONVERSATIONS.c.id)
        .where(condition)
        .order_by(CONVERSATIONS.c.id)
        .limit(limit)
        .with_for_update()
    )
    ids = list(found)
    await connection.execute(delete(MESSAGES).where(MESSAGES.c.conversation_id.in_(ids)))
    await connection.execute(delete(CONVERSATIONS).where(CONVERSATIONS.c.id.in_(ids)))
    return [from_name(id_) for id_ in ids]


async def _store(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        await connection.execute(_FROM_JSON, {"rows": orjson.dumps(rows).decode()})
    else:
        await connection.execute(_insert(connection, MESSAGES).on_conflict_do_nothing(), rows)


def _insert(connection: AsyncConnection, table: Any) -> Any:
    return _INSERT[connection.dialect.name](table)


async def _lock(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, _Conversation]:
    """Make sure that the conversations have rows, and hold these until the transaction ends."""
    statement = _insert(connection, CONVERSATIONS).on_conflict_do_update(
        index_elements=["id"], set_={"seq": CONVERSATIONS.c.seq}
    )
    new = [{"id": id_, "seq": 0, "cleared_through": 0} for id_ in ids]
    held = await connection.execute(statement.returning(*CONVERSATIONS.c), new)
    return {row.id: _Conversation(*row) for row in held}


async def _clear(
    connection: AsyncConnection, held: dict[str, _Conversation], entries: Sequence[Entry]
) -> None:
    """Apply the last clear of each conversation first: no batch before it is to stay."""
    through: dict[str, int] = {}
    for entry in entries:
        id_ = to_name(entry.conversation_id)
        if isinstance(entry, Cleared) and entry.position > held[id_].cleared_through:
            through[id_] = max(entry.position, through.get(id_, 0))
    if not through:
        return
    await connection.execute(
        _EMPTY, [{"of": id_, "before": position} for id_, position in through.items()]
    )
    remains = await _remains(connection, list(through))
    for id_, position in through.items():
        held[id_].clear(position, remains.get(id_))


async def _remains(connection: AsyncConnection, ids: list[str]) -> dict[str, _Remains]:
    found = await connection.execute(
        select(
            MESSAGES.c.conversation_id,
            func.max(MESSAGES.c.seq),
            func.min(MESSAGES.c.stored_ms),
            func.max(MESSAGES.c.stored_ms),
        )
        .where(MESSAGES.c.conversation_id.in_(ids))
        .group_by(MESSAGES.c.conversation_id)
    )
    return {id_: (seq, first, last) for id_, seq, first, last in found}


_ROWS = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON)).table_valued(
    *(column(each.name, each.type) for each in MESSAGES.c), name="given"
)
# All rows as one parameter: a statement a row takes PostgreSQL's driver several times as long.
_FROM_JSON = (
    postgresql.insert(MESSAGES)
    .from_select([each.name for each in MESSAGES.c], select(_ROWS.render_derived(with_types=True)))
    .on_conflict_do_nothing()
)

_EMPTY = delete(MESSAGES).where(
    MESSAGES.c.conversation_id == bindparam("of"), MESSAGES.c.position < bindparam("before")
)

_CHANGING = ("owner", "title", "created_ms", "updated_ms", "seq", "cleared_through")
_UPDATE = (
    update(CONVERSATIONS)
    .where(CONVERSATIONS.c.id == bindparam("of"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)


def _update_row(conversation: _Conversation) -> dict[str, Any]:
    values = {f"new_{name}": getattr(conversation, name) for name in _CHANGING}
    return {"of": conversation.id} | values
