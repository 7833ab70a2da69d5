"""The tables as queries see them; `migrations` makes them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, MetaData, Table, Text

METADATA = MetaData()

# A row whose created_ms is null remembers only where the conversation was cleared.
CONVERSATIONS = Table(
    "conversations",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text),
    Column("title", Text),
    Column("created_ms", BigInteger),
    Column("updated_ms", BigInteger),
    Column("seq", BigInteger, nullable=False),
    Column("cleared_through", BigInteger, nullable=False),
    # Marks the last change that Redis does not know of; 0 once Redis forgot it.
    Column("ahead", BigInteger, nullable=False),
    # Which clear was done here first, so that Redis, late, does not repeat it.
    Column("cleared_token", Text),
    Index("conversations_by_owner", "owner", "updated_ms"),
)

MESSAGES = Table(
    "messages",
    METADATA,
    Column(
        "conversation_id",
        Text,
        ForeignKey(CONVERSATIONS.c.id, ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("message_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("type", Text),
    Column("record", Text, nullable=False),
    Column("text", Text),
    Column("sources", Text),
    Column("stored_ms", BigInteger, nullable=False),
    Index("messages_by_seq", "conversation_id", "seq"),
)
