"""The steps from an empty database to this release's tables and view, each done once.

A step that was released is never edited: another one follows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from openta_memory.errors import ArchiveError

_TABLES = (
    """
    CREATE TABLE conversations (
        id text PRIMARY KEY,
        owner text,
        title text,
        created_ms bigint,
        updated_ms bigint,
        seq bigint NOT NULL,
        cleared_through bigint NOT NULL
    )
    """,
    "CREATE INDEX conversations_by_owner ON conversations (owner, updated_ms)",
    """
    CREATE TABLE messages (
        conversation_id text NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
        message_id text NOT NULL,
        seq bigint NOT NULL,
        position bigint NOT NULL,
        type text,
        record text NOT NULL,
        text text,
        sources text,
        stored_ms bigint NOT NULL,
        PRIMARY KEY (conversation_id, message_id)
    )
    """,
    "CREATE INDEX messages_by_seq ON messages (conversation_id, seq)",
)

_TIMESTAMP = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', stored_ms / 1000.0, 'unixepoch')",
    "postgresql": "to_timestamp(stored_ms / 1000.0)",
}

# Every window is cut by conversation, so that a query for one conversation reads no other.
_VIEW = """
    CREATE VIEW conversation_messages AS
    SELECT
        message_id AS id,
        conversation_id,
        text AS question,
        CASE WHEN answered = 1 THEN last_text END AS answer,
        CASE WHEN answered = 1 THEN last_sources END AS sources,
        {timestamp} AS timestamp
    FROM (
        SELECT
            numbered.*,
            first_value(is_answer) OVER latest AS answered,
            first_value(text) OVER latest AS last_text,
            first_value(sources) OVER latest AS last_sources
        FROM (
            SELECT
                messages.*,
                CASE WHEN type = 'ai' AND text <> '' THEN 1 ELSE 0 END AS is_answer,
                sum(CASE WHEN type = 'human' THEN 1 ELSE 0 END) OVER (
                    PARTITION BY conversation_id ORDER BY seq, message_id
                ) AS turn
            FROM messages
        ) AS numbered
        WINDOW latest AS (
            PARTITION BY conversation_id, turn
            ORDER BY is_answer DESC, seq DESC, message_id DESC
        )
    ) AS turns
    WHERE type = 'human'
"""


_AHEAD = (
    "ALTER TABLE conversations ADD COLUMN ahead bigint NOT NULL DEFAULT 0",
    "ALTER TABLE conversations ADD COLUMN cleared_token text",
    "CREATE INDEX conversations_ahead ON conversations (id) WHERE ahead > 0",
)


def _make_tables(_: str) -> Sequence[str]:
    return _TABLES


def _make_view(dialect: str) -> Sequence[str]:
    return (_VIEW.format(timestamp=_TIMESTAMP[dialect]),)


def _mark_ahead(_: str) -> Sequence[str]:
    return _AHEAD


# Dialect -> statements; a migration's number is its place, counted from 1.
MIGRATIONS: tuple[Callable[[str], Sequence[str]], ...] = (
    _make_tables,
    _make_view,
    _mark_ahead,
)

# Any number that nobody else locks: "openta" in ASCII.
_LOCK = 0x6F70656E7461

_RECORDED = """
    CREATE TABLE IF NOT EXISTS openta_migrations (
        number bigint PRIMARY KEY,
        applied_ms bigint NOT NULL
    )
"""


async def migrate(connection: AsyncConnection) -> None:
    """Bring the database to this release's form, inside the connection's transaction.

    On SQLite that transaction must have been begun with BEGIN IMMEDIATE.

    Raises:
        ArchiveError: When a newer release has already changed the database.
    """
    dialect = connection.dialect.name
    if dialect == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    await connection.exec_driver_sql(_RECORDED)
    done = await connection.scalar(text("SELECT max(number) FROM openta_migrations")) or 0
    if done > len(MIGRATIONS):
        raise ArchiveError(
            f"the archive's database is of a newer release (its form is {done}, this release "
            f"knows {len(MIGRATIONS)}): upgrade openta-memory"
        )
    for number, statements in enumerate(MIGRATIONS[done:], start=done + 1):
        for statement in statements(dialect):
            await connection.exec_driver_sql(statement)
        await _record(connection, number)


async def _record(connection: AsyncConnection, number: int) -> None:
    await connection.execute(
        text("INSERT INTO openta_migrations (number, applied_ms) VALUES (:number, :now)"),
        {"number": number, "now": time.time_ns() // 1_000_000},
    )
