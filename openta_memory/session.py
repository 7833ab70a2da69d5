"""Conversations as questions and answers, for callers that don't think in messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypedDict
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from openta_memory._records import Metadata, Window
from openta_memory._shared import memory_or_shared, shared
from openta_memory.errors import SettingsError, UnserializableMessageError
from openta_memory.memory import ConversationMemory
from openta_memory.settings import MemorySettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

SOURCES = "sources"

_MESSAGES_A_TURN = 4

_LAST_MS = 253_402_300_799_000  # the end of the year 9999


class Turn(TypedDict):
    """One turn: what was asked, what was answered and from which sources.

    `timestamp` is when the question was stored, in ISO 8601 and UTC; None where unknown.
    """

    question: str
    answer: str
    sources: list[str]
    timestamp: str | None


class SessionManager:
    """Keeps conversations turn by turn.

    Args:
        redis_url: Which Redis keeps them; REDIS_URL or the embedded one where none is given.
        db_client: The archive's database: a URL, or an asynchronous engine of SQLAlchemy.
        memory: The memory to use, in place of `redis_url`.

    Raises:
        SettingsError: When a setting can't be used.

    Example:
        >>> import asyncio
        >>> async def chat() -> list[Turn]:
        ...     sessions = SessionManager()
        ...     await sessions.add_message("conv_9", question="Why?", answer="Because.")
        ...     return await sessions.get_history("conv_9")
        >>> asyncio.run(chat())[0]["answer"]
        'Because.'
    """

    def __init__(
        self,
        redis_url: str | None = None,
        db_client: str | AsyncEngine | None = None,
        *,
        memory: ConversationMemory | None = None,
    ) -> None:
        if db_client is None or isinstance(db_client, str):
            given = {"redis_url": redis_url, "database_url": db_client}
            self.memory = memory_or_shared(memory, **given)
        elif memory is None:
            self.memory = ConversationMemory(redis_url=redis_url, database=db_client)
        else:
            raise SettingsError("pass either memory= or db_client, not both")

    async def create_session(
        self, conversation_id: str | None = None, *, owner: str | None = None
    ) -> str:
        """Make sure that a conversation exists, and give its id (a new one where none is given).

        Raises:
            OwnerError: When it exists and is not this owner's.
        """
        conversation_id = conversation_id or f"conv_{uuid4().hex}"
        await self.memory.aappend(conversation_id, [], owner=owner)
        return conversation_id

    async def add_message(
        self,
        conversation_id: str,
        question: str,
        answer: str,
        sources: Sequence[str] | None = None,
        *,
        owner: str | None = None,
    ) -> None:
        """Store one turn, question and answer together.

        Args:
            conversation_id: The conversation; it is created when there is none.
            question: What was asked.
            answer: What was answered.
            sources: Ids of what the answer was taken from.
            owner: Whose the conversation must be, or becomes.
        """
        if not (isinstance(question, str) and isinstance(answer, str)):
            raise UnserializableMessageError("question and answer must be text")
        if isinstance(sources, str):
            raise UnserializableMessageError("sources must be a list of ids, this is one text")
        kwargs = {SOURCES: list(sources)} if sources else {}
        turn = [HumanMessage(question), AIMessage(answer, additional_kwargs=kwargs)]
        await self.memory.aappend(conversation_id, turn, owner=owner)

    async def get_history(
        self, conversation_id: str, limit: int = 10, *, owner: str | None = None
    ) -> list[Turn]:
        """Give the last `limit` turns (1 or more), oldest first; none for an unknown id."""
        if not isinstance(limit, int) or limit < 1:
            raise ValueError(f"limit must be a whole number of turns, 1 or more, got {limit!r:.40}")
        window = await self.memory.awindow(conversation_id, owner=owner)
        found = window.metadata
        if self.memory.database and found and found.seq - found.trimmed > found.length:
            window = await self._reach_back(window, conversation_id, limit, owner)
        return _turns(window)[-limit:]

    async def get_metadata(
        self, conversation_id: str, *, owner: str | None = None
    ) -> Metadata | None:
        """Tell what is known of a conversation; None when there is none."""
        return await self.memory.ametadata(conversation_id, owner=owner)

    async def delete_session(self, conversation_id: str, *, owner: str | None = None) -> bool:
        """Remove a conversation; says whether there was one."""
        return await self.memory.aclear(conversation_id, owner=owner)

    async def delete_sessions(self, owner: str) -> int:
        """Remove all conversations of an owner; tells how many there were."""
        return await self.memory.aclear_owner(owner)

    async def extend_ttl(
        self, conversation_id: str, seconds: int | None = None, *, owner: str | None = None
    ) -> bool:
        """Keep a conversation for this many seconds after each use, from now on.

        Args:
            conversation_id: The conversation.
            seconds: Its own time to live; 0 keeps it for ever. Without, what it has is renewed.
            owner: Whose it must be.

        Returns:
            Whether there is such a conversation.
        """
        found = await self.memory.ametadata(conversation_id, owner=owner, own_ttl=seconds)
        return found is not None

    async def prune_history(
        self, conversation_id: str, keep: int, *, owner: str | None = None
    ) -> int:
        """Keep at most the last `keep` messages, in whole turns; tells how many were removed."""
        return (await self.memory.atrim(conversation_id, keep, owner=owner)).removed

    async def sync_to_database(self) -> int:
        """Archive what waits now; tells how many entries that were.

        Raises:
            SettingsError: When there is no database.
        """
        return await self.memory.adrain()

    async def load_from_database(
        self, conversation_id: str, limit: int = 50, *, owner: str | None = None
    ) -> list[Turn]:
        """Give the turns among the last `limit` messages that the archive holds.

        Raises:
            SettingsError: When there is no database.
        """
        return _turns(await self.memory.aarchived_window(conversation_id, limit=limit, owner=owner))

    async def _reach_back(
        self, window: Window, conversation_id: str, turns: int, owner: str | None
    ) -> Window:
        """Read more than Redis holds, until there are so many turns or no more messages."""
        read, asked = 0, _MESSAGES_A_TURN * turns
        # How many messages make so many turns is not known before they are read.
        while len(_turns(window)) < turns and read < len(window.messages):
            read = len(window.messages)
            window = await self.memory.awindow(conversation_id, limit=max(asked, read), owner=owner)
            asked *= 2
        return window

    async def aclose(self) -> None:
        """Close the connections of the running loop."""
        await self.memory.aclose()


def get_session_manager() -> SessionManager:
    """Give the session manager of this process and its environment; always the same one."""
    return _of_settings(MemorySettings.load())


@lru_cache(maxsize=16)
def _of_settings(settings: MemorySettings) -> SessionManager:
    return SessionManager(memory=shared(settings))


def _turns(window: Window) -> list[Turn]:
    turns: list[Turn] = []
    for message, stored_ms in zip(window.messages, window.stored_ms, strict=True):
        if isinstance(message, HumanMessage):
            turns.append(
                Turn(question=message.text, answer="", sources=[], timestamp=_timestamp(stored_ms))
            )
        elif turns and isinstance(message, AIMessage) and message.text:
            turns[-1]["answer"] = message.text
            turns[-1]["sources"] = _sources(message)
    return turns


def _sources(message: BaseMessage) -> list[str]:
    given: Any = message.additional_kwargs.get(SOURCES)
    return [str(source) for source in given] if isinstance(given, list) else []


def _timestamp(stored_ms: int | None) -> str | None:
    if stored_ms is None or not 0 <= stored_ms <= _LAST_MS:
        return None
    return datetime.fromtimestamp(stored_ms / 1000, UTC).isoformat()
