"""The LangChain face: a chat message history, and the handle for one run.

LangChain deprecates `BaseChatMessageHistory` from 1.6.4 on; only direct instances of it warn, and
the rest of the library doesn't know it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any
from uuid import uuid4

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, HumanMessage
from typing_extensions import override

from openta_memory._echo import new_messages
from openta_memory._records import Metadata, Trimmed
from openta_memory._shared import memory_or_shared
from openta_memory.codec import checked_messages
from openta_memory.errors import OpenTAMemoryError
from openta_memory.keys import encode_id
from openta_memory.memory import ConversationMemory
from openta_memory.window import TokenCounter, valid_window, without_orphans

logger = logging.getLogger("openta_memory")


class RedisChatMessageHistory(BaseChatMessageHistory):
    """One conversation as LangChain sees it; every read is fresh.

    Histories built with the same settings share one connection pool. What is not given comes
    from the environment, then from the defaults; see `ConversationMemory`.

    Args:
        session_id: The conversation's id, 1 to 256 bytes.
        redis_url: Which Redis keeps it.
        ttl: Seconds it is kept after its last read or write; 0 for ever.
        max_messages: How many messages it holds; 0 sets no cap.
        owner: Whose it must be; None is a trusted caller.
        memory: The memory it belongs to, in place of the settings before.

    Raises:
        SessionIdError: When the id can't be used.
        SettingsError: When a setting can't be used.

    Example:
        >>> history = RedisChatMessageHistory("conv_7", ttl=3600, max_messages=50)
        >>> history.add_user_message("What is a transformer?")
        >>> [message.text for message in history.messages]
        ['What is a transformer?']
    """

    def __init__(
        self,
        session_id: str,
        *,
        redis_url: str | None = None,
        ttl: int | None = None,
        max_messages: int | None = None,
        owner: str | None = None,
        memory: ConversationMemory | None = None,
    ) -> None:
        encode_id(session_id)
        self.session_id = session_id
        self.owner = owner
        self.memory = memory_or_shared(
            memory, redis_url=redis_url, session_ttl=ttl, max_messages_per_session=max_messages
        )

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override] # LangChain allows both
        """All messages the conversation holds, oldest first, in one round trip."""
        return self.memory.window(self.session_id, owner=self.owner).messages

    @override
    async def aget_messages(self) -> list[BaseMessage]:
        """Read all messages; see `messages`."""
        return (await self.memory.awindow(self.session_id, owner=self.owner)).messages

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages as one block, all or none; see `ConversationMemory.append`."""
        if messages:
            self.memory.append(self.session_id, messages, owner=self.owner)

    @override
    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store messages as one block; see `add_messages`."""
        if messages:
            await self.memory.aappend(self.session_id, messages, owner=self.owner)

    @override
    def clear(self) -> None:
        """Remove the conversation, messages and meta data."""
        self.memory.clear(self.session_id, owner=self.owner)

    @override
    async def aclear(self) -> None:
        """Remove the conversation; see `clear`."""
        await self.memory.aclear(self.session_id, owner=self.owner)

    def window(
        self,
        max_messages: int | None = None,
        max_tokens: int | None = None,
        token_counter: TokenCounter | Any | None = None,
    ) -> list[BaseMessage]:
        """Read the longest tail that is a valid context within both budgets.

        It begins at a turn and holds no tool call without its results, nor the reverse.

        Args:
            max_messages: How many of the last messages to look at; None or 0 for all.
            max_tokens: How many tokens at the most; None sets no limit.
            token_counter: A function of a list of messages, or a LangChain model; without one,
                LangChain's approximate count.
        """
        held = self.memory.window(self.session_id, limit=max_messages or None, owner=self.owner)
        return valid_window(held.messages, max_tokens=max_tokens, token_counter=token_counter)

    async def awindow(
        self,
        max_messages: int | None = None,
        max_tokens: int | None = None,
        token_counter: TokenCounter | Any | None = None,
    ) -> list[BaseMessage]:
        """Read the longest valid tail within both budgets; see `window`."""
        held = await self.memory.awindow(
            self.session_id, limit=max_messages or None, owner=self.owner
        )
        return valid_window(held.messages, max_tokens=max_tokens, token_counter=token_counter)

    def trim(self, keep: int) -> Trimmed:
        """Keep at most the last `keep` messages (1 or more), in whole turns."""
        return self.memory.trim(self.session_id, keep, owner=self.owner)

    async def atrim(self, keep: int) -> Trimmed:
        """Keep the last messages only; see `trim`."""
        return await self.memory.atrim(self.session_id, keep, owner=self.owner)

    def archived(self, before: int | None = None, limit: int = 50) -> list[tuple[int, BaseMessage]]:
        """Page backwards through all that was ever said; see `ConversationMemory.archived`."""
        return self.memory.archived(self.session_id, before=before, limit=limit, owner=self.owner)

    async def aarchived(
        self, before: int | None = None, limit: int = 50
    ) -> list[tuple[int, BaseMessage]]:
        """Page backwards through all that was ever said; see `archived`."""
        return await self.memory.aarchived(
            self.session_id, before=before, limit=limit, owner=self.owner
        )

    def metadata(self) -> Metadata | None:
        """Tell what is known of the conversation; None when there is none."""
        return self.memory.metadata(self.session_id, owner=self.owner)

    async def ametadata(self) -> Metadata | None:
        """Tell what is known of the conversation; see `metadata`."""
        return await self.memory.ametadata(self.session_id, owner=self.owner)


class TurnHistory(RedisChatMessageHistory):
    """A conversation for one run of a runnable; `memory.turn` gives a fresh one.

    The first read is remembered until messages are added, so that the run sees one history from
    its start to its end whatever other turns do; of what the run hands back, only the new is
    stored. Tool calls without their results, as a crash leaves them, are not shown to the run.

    Attributes:
        error: What kept this run's messages from being stored: LangChain logs an error of its
            history's and goes on, so look here when the answer must not be lost.
    """

    error: Exception | None
    _run: str
    _read: list[BaseMessage] | None
    _begun: list[BaseMessage]

    def __init__(self, session_id: str, **given: Any) -> None:
        super().__init__(session_id, **given)
        self._finish()

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override] # as above
        """The conversation as it was at the first read."""
        if self._read is None:
            self._read = without_orphans(super().messages)
        return list(self._read)

    @override
    async def aget_messages(self) -> list[BaseMessage]:
        """Read the conversation as it was at the first read."""
        if self._read is None:
            self._read = without_orphans(await super().aget_messages())
        return list(self._read)

    def begin(self, question: str | BaseMessage | Sequence[BaseMessage]) -> None:
        """Store the run's input before the run, so that a model that fails loses no question.

        The history that the run then reads is the one before this input, and the same input
        coming back at the end is not stored twice. One round trip, which the run's read saves.
        Safe to repeat when it failed.
        """
        begun = _as_messages(question)
        window, _ = self.memory.window_then_append(
            self.session_id, begun, owner=self.owner, token=self._token(begun)
        )
        self._read, self._begun = without_orphans(window.messages), begun

    async def abegin(self, question: str | BaseMessage | Sequence[BaseMessage]) -> None:
        """Store the run's input before the run; see `begin`."""
        begun = _as_messages(question)
        window, _ = await self.memory.awindow_then_append(
            self.session_id, begun, owner=self.owner, token=self._token(begun)
        )
        self._read, self._begun = without_orphans(window.messages), begun

    @override
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store what of a run's input and output is new; safe to repeat when it failed."""
        try:
            if fresh := self._new(messages):
                token = self._token(messages)
                self.memory.append(self.session_id, fresh, owner=self.owner, token=token)
        except Exception as error:
            self._failed(error)
            raise
        self._finish()

    @override
    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Store what of a run's input and output is new; see `add_messages`."""
        try:
            if fresh := self._new(messages):
                token = self._token(messages)
                await self.memory.aappend(self.session_id, fresh, owner=self.owner, token=token)
        except Exception as error:
            self._failed(error)
            raise
        self._finish()

    @override
    def clear(self) -> None:
        """Remove the conversation, and forget what was read of it."""
        super().clear()
        self._finish()

    @override
    async def aclear(self) -> None:
        """Remove the conversation, and forget what was read of it."""
        await super().aclear()
        self._finish()

    def _new(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        handed = checked_messages(messages)
        return new_messages(handed, history=self._read or [], begun=self._begun)

    def _token(self, messages: Sequence[BaseMessage]) -> str:
        """Name a batch of this run, so that a repeated call stores nothing twice."""
        batch = repr(
            [
                (message.type, message.id, message.content, getattr(message, "tool_calls", None))
                for message in messages
            ]
        )
        return f"{self._run} {blake2b(batch.encode(errors='replace'), digest_size=8).hexdigest()}"

    def _failed(self, error: Exception) -> None:
        self.error = error
        reason = error if isinstance(error, OpenTAMemoryError) else type(error).__name__
        name = encode_id(self.session_id)
        logger.error("[SESSION] Could not store a turn of %s: %s", name, reason)

    def _finish(self) -> None:
        self._run = uuid4().hex
        self._read = None
        self._begun = []
        self.error = None


def _as_messages(question: str | BaseMessage | Sequence[BaseMessage]) -> list[BaseMessage]:
    if isinstance(question, str):
        return [HumanMessage(question)]
    return checked_messages([question] if isinstance(question, BaseMessage) else question)
