"""The rows of conversations, held by a transaction while entries are applied to them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from sqlalchemy import JSON, Table, Text, bindparam, cast, column, func, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory.archive.entries import PROVISIONAL, Batch
from openta_memory.archive.rows import to_name
from openta_memory.archive.tables import CONVERSATIONS

MS = 1_000_000  # one millisecond in a position

_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

# Of a conversation's messages: the last number, and when the first and the last were stored.
Remains = tuple[int, int, int]


@dataclass(slots=True)
class Held:
    """A conversation's row; the fields are its columns."""

    id: str
    owner: str | None
    title: str | None
    created_ms: int | None
    updated_ms: int | None
    seq: int
    cleared_through: int
    ahead: int
    cleared_token: str | None

    @property
    def exists(self) -> bool:
        """Say whether it is more than the memory of a clear."""
        return self.created_ms is not None

    @property
    def clears_past_redis(self) -> list[str]:
        """Name the clears that were done here first, which Redis may do late."""
        return (self.cleared_token or "").split()

    @property
    def was_cleared_past_redis(self) -> bool:
        """Say whether it was cleared in an outage that is not made good yet."""
        return self.ahead > 0 and self.cleared_token is not None

    @property
    def _lacks_owner(self) -> bool:
        """Say whether a trusted caller may have been first here, and somebody else in Redis."""
        return self.owner is None and self.ahead > 0

    def take(self, batch: Batch) -> None:
        """Reckon with a batch's messages."""
        owner = None if batch.owner is None else to_name(batch.owner)
        if self.created_ms is None:
            self.owner, self.created_ms, self.updated_ms = owner, batch.at_ms, None
        elif owner is not None and (self._lacks_owner or batch.at_ms >= (self.updated_ms or 0)):
            # Redis lets an owner change only behind a clear, which may arrive after it.
            self.owner = owner
        self.created_ms = min(batch.at_ms, self.created_ms)
        self.updated_ms = max(batch.at_ms, self.updated_ms or 0)
        self.seq = max([self.seq, *(seq for seq, _ in batch.records if seq < PROVISIONAL)])
        if batch.is_provisional:
            self.mark_ahead()

    def mark_ahead(self) -> None:
        """Note a change that Redis does not know of; no two of them have the same mark."""
        self.ahead = max(time.time_ns() // 1_000, self.ahead + 1)

    def clear(self, position: int, remains: Remains | None = None) -> None:
        """Begin anew, with what was appended after the clear and is here already."""
        self.cleared_through, self.cleared_token = position, None
        self.title = None
        if remains is None:
            self.owner, self.created_ms, self.seq = None, None, 0
            self.updated_ms = position // MS
        else:
            self.seq, self.created_ms, self.updated_ms = remains


async def hold(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Held]:
    """Make sure that the conversations have rows, and hold these until the transaction ends."""
    statement = insert(connection, CONVERSATIONS).on_conflict_do_update(
        index_elements=["id"], set_={"seq": CONVERSATIONS.c.seq}
    )
    new = [{"id": id_, "seq": 0, "cleared_through": 0, "ahead": 0} for id_ in ids]
    held = await connection.execute(statement.returning(*CONVERSATIONS.c), new)
    return {row.id: Held(*row) for row in held}


async def save(connection: AsyncConnection, conversations: Iterable[Held]) -> None:
    """Write the rows back."""
    rows = [asdict(each) for each in conversations]
    if connection.dialect.name == "postgresql":
        await connection.execute(_FROM_JSON, {"rows": orjson.dumps(rows).decode()})
    else:
        await connection.execute(
            _ROW_BY_ROW, [{f"new_{k}": v for k, v in row.items()} for row in rows]
        )


def insert(connection: AsyncConnection, table: Any) -> Any:
    """Give the database's own insert, which knows ON CONFLICT."""
    return _INSERT[connection.dialect.name](table)


def given_rows(table: Table) -> Any:
    """Give the rows of a table that PostgreSQL is handed as JSON, all in one parameter.

    A statement a row takes its driver several times as long.
    """
    rows = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
    columns = (column(each.name, each.type) for each in table.c)
    return rows.table_valued(*columns, name="given").render_derived(with_types=True)


_GIVEN = given_rows(CONVERSATIONS)
_CHANGING = [each.name for each in CONVERSATIONS.c if not each.primary_key]
_ROW_BY_ROW = (
    update(CONVERSATIONS)
    .where(CONVERSATIONS.c.id == bindparam("new_id"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGING})
)
_FROM_JSON = (
    update(CONVERSATIONS)
    .where(CONVERSATIONS.c.id == _GIVEN.c.id)
    .values({name: _GIVEN.c[name] for name in _CHANGING})
)
