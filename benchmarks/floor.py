"""The least that a memory can ask of Redis, to measure the others against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage
from typing_extensions import override

from benchmarks.subjects import HELD, TTL, conversation

SCRIPT = """
redis.call('RPUSH', KEYS[1], ARGV[3], ARGV[4])
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
"""


def parsed(rows: list[bytes]) -> list[Any]:
    """Parse a conversation's rows as one JSON array."""
    records: list[Any] = orjson.loads(b"[" + b",".join(rows) + b"]")
    return records


class FloorHistory(BaseChatMessageHistory):
    """A history of two bare calls a turn: it parses rows and pushes rows, and decodes nothing.

    What it gives are messages that were built beforehand. It keeps no meta data, checks no owner
    and stores a batch twice when a reply is lost; no useful memory can be faster.
    """

    def __init__(self, client: Any, key: str, rows: list[bytes]) -> None:
        self._client = client
        self._key = key
        self._rows = rows[-2:]
        self._given = conversation()
        self._sha = client.script_load(SCRIPT)
        client.rpush(key, *rows)

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override] # LangChain allows both
        """Fetch and parse the rows."""
        parsed(self._client.lrange(self._key, 0, -1))
        return list(self._given)

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Push two rows of the right size."""
        self._client.evalsha(self._sha, 1, self._key, TTL, HELD, *self._rows)

    @override
    def clear(self) -> None:
        """Remove the rows."""
        self._client.delete(self._key)
