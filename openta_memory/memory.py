"""A memory: settings, connections and codec, and what can be done with a conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, TypeVar

from langchain_core.messages import BaseMessage

from openta_memory._archived import Archived
from openta_memory._connections import connect
from openta_memory._flows import Flows
from openta_memory._log import say
from openta_memory._plans import Plans
from openta_memory._records import Appended, Metadata, Trimmed, Window
from openta_memory._steps import Flow, afollow, follow
from openta_memory.errors import SettingsError
from openta_memory.keys import Keys
from openta_memory.settings import MemorySettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from openta_memory.history import RedisChatMessageHistory, TurnHistory

T = TypeVar("T")


class ConversationMemory(Archived):
    """Conversations in Redis, with a time to live and a cap, for sync and async callers.

    Building one does no I/O and opens no connection. What is not given comes from the
    environment (`REDIS_URL`, `SESSION_TTL`, ...), then from the defaults. All histories of one
    memory share one pool for sync and one for each event loop. Without a Redis URL, an embedded
    Redis of this process serves.

    Args:
        redis_url: `redis://`, `rediss://` or `unix://`.
        ttl: Seconds a conversation is kept after its last read or write; 0 keeps it for ever.
        max_messages: How many messages a conversation holds; 0 sets no cap.
        max_message_bytes: How long one message's JSON may be, in bytes.
        strict: Raise on a stored entry that can't be decoded; with False it is skipped, logged
            and counted in `undecodable`. It stays stored either way.
        database: Where the archive is: `sqlite:///path`, `postgresql://...`, or an asynchronous
            engine of SQLAlchemy, which stays yours. Without one (and without `DATABASE_URL`),
            what Redis forgets is gone. Needs the extra `archive`.
        client: A synchronous client of redis-py to use; it stays yours and is not closed.
        async_client: An asynchronous one, for the event loop it belongs to; likewise.
        settings: All settings at once, in place of the single ones.

    Raises:
        SettingsError: When a setting can't be used, or an archive has no synchronous client beside
            an asynchronous one.
        MissingExtraError: When the embedded Redis is needed and not installed.

    Example:
        >>> memory = ConversationMemory(ttl=3600, max_messages=50)
        >>> memory.history("conv_123").add_user_message("What is machine learning?")
        >>> len(memory.history("conv_123").messages)
        1
    """

    def __init__(
        self,
        *,
        redis_url: str | None = None,
        ttl: int | None = None,
        max_messages: int | None = None,
        max_message_bytes: int | None = None,
        strict: bool = True,
        database: str | AsyncEngine | None = None,
        client: Any | None = None,
        async_client: Any | None = None,
        settings: MemorySettings | None = None,
    ) -> None:
        given = {
            "redis_url": redis_url,
            "session_ttl": ttl,
            "max_messages_per_session": max_messages,
            "max_message_bytes": max_message_bytes,
            "database_url": database if isinstance(database, str) else None,
        }
        if settings and any(value is not None for value in given.values()):
            raise SettingsError("pass either settings= or single settings, not both")
        self.settings = settings or MemorySettings.load(**given)
        self.undecodable = 0
        archive = _archive(self.settings, database)
        self._connections = connect(self.settings, client, async_client, database=archive)
        plans = Plans(
            ttl=self.settings.session_ttl,
            max_messages=self.settings.max_messages_per_session,
            max_message_bytes=self.settings.max_message_bytes,
            strict=strict,
            archived=archive is not None,
            keys=Keys(cluster=self._connections.cluster),
        )
        self._flows = Flows(plans)
        if archive is not None:
            from openta_memory.archive.tier import build_tier  # noqa: PLC0415 - an extra

            run, embedded = self._connections.run_apart, self._connections.embedded
            self._flows.tier = build_tier(
                self.settings, database, run, plans.keys, embedded=embedded
            )

    @classmethod
    def from_env(cls, **given: Any) -> Self:
        """Build a memory from the environment and `.env`; arguments go first."""
        return cls(**given)

    def history(self, session_id: str, *, owner: str | None = None) -> RedisChatMessageHistory:
        """Give a conversation as LangChain sees it: every read is fresh.

        Args:
            session_id: The conversation's id, 1 to 256 bytes.
            owner: Whose it must be; a new conversation becomes theirs. None is a trusted caller,
                who may see all.
        """
        from openta_memory.history import RedisChatMessageHistory  # noqa: PLC0415 - stands above

        return RedisChatMessageHistory(session_id, memory=self, owner=owner)

    def turn(self, session_id: str, owner: str | None = None) -> TurnHistory:
        """Give a handle for one run: `RunnableWithMessageHistory(chain, memory.turn, ...)`.

        Its first read is remembered for the rest of the run, and what the runnable hands back of
        it is not stored again.
        """
        from openta_memory.history import TurnHistory  # noqa: PLC0415 - stands above

        return TurnHistory(session_id, memory=self, owner=owner)

    def window(
        self, session_id: str, *, limit: int | None = None, owner: str | None = None
    ) -> Window:
        """Read the last messages and keep the conversation alive, in one round trip.

        Args:
            session_id: The conversation.
            limit: How many of the last messages to read at the most, beginning at a turn; what
                Redis no longer holds is read from the archive. None reads all that Redis holds.
            owner: Whose it must be.

        Raises:
            OwnerError: When it is not this owner's.
            CorruptMessageError: In strict mode, when an entry can't be decoded.
            StoreError: When Redis can't be used.
        """
        flow = self._flows.window(session_id, limit, owner)
        return self._retrieved(session_id, self._follow(flow))

    async def awindow(
        self, session_id: str, *, limit: int | None = None, owner: str | None = None
    ) -> Window:
        """Read the last messages; see `window`."""
        flow = self._flows.window(session_id, limit, owner)
        return self._retrieved(session_id, await self._afollow(flow))

    def append(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        *,
        owner: str | None = None,
        token: str | None = None,
    ) -> Appended:
        """Store a batch of messages as one contiguous block, all or none, in one round trip.

        Args:
            session_id: The conversation; it is created when there is none.
            messages: The batch; an empty one only makes sure that the conversation exists.
            owner: Whose it must be, or becomes when it is new.
            token: Names this append: a second one with the same token stores nothing, for a
                minute and as far as the conversation's last 100 appends, while Redis has the
                conversation. Connections that drop are tried again safely without.

        Raises:
            OwnerError: When it is not this owner's.
            MessageError: When a message is too large or not serializable.
            StoreError: When Redis can't be used.
        """
        flow = self._flows.append(session_id, messages, owner, token)
        return self._added(session_id, len(messages), self._follow(flow))

    async def aappend(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        *,
        owner: str | None = None,
        token: str | None = None,
    ) -> Appended:
        """Store a batch of messages; see `append`."""
        flow = self._flows.append(session_id, messages, owner, token)
        return self._added(session_id, len(messages), await self._afollow(flow))

    def window_then_append(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        *,
        owner: str | None = None,
        token: str | None = None,
    ) -> tuple[Window, Appended]:
        """Read the conversation as it is, then append to it, in one round trip."""
        flow = self._flows.window_then_append(session_id, messages, owner, token)
        window, appended = self._follow(flow)
        self._retrieved(session_id, window)
        return window, self._added(session_id, len(messages), appended)

    async def awindow_then_append(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        *,
        owner: str | None = None,
        token: str | None = None,
    ) -> tuple[Window, Appended]:
        """Read, then append; see `window_then_append`."""
        flow = self._flows.window_then_append(session_id, messages, owner, token)
        window, appended = await self._afollow(flow)
        self._retrieved(session_id, window)
        return window, self._added(session_id, len(messages), appended)

    def trim(self, session_id: str, keep: int, *, owner: str | None = None) -> Trimmed:
        """Keep at most the last `keep` messages (1 or more), in whole turns."""
        return self._follow(self._flows.trim(session_id, keep, owner))

    async def atrim(self, session_id: str, keep: int, *, owner: str | None = None) -> Trimmed:
        """Keep the last messages only; see `trim`."""
        return await self._afollow(self._flows.trim(session_id, keep, owner))

    def clear(self, session_id: str, *, owner: str | None = None) -> bool:
        """Remove a conversation, messages and meta data; says whether there was one."""
        flow = self._flows.clear(session_id, owner)
        return self._cleared(session_id, removed=self._follow(flow))

    async def aclear(self, session_id: str, *, owner: str | None = None) -> bool:
        """Remove a conversation; see `clear`."""
        flow = self._flows.clear(session_id, owner)
        return self._cleared(session_id, removed=await self._afollow(flow))

    def metadata(
        self, session_id: str, *, owner: str | None = None, own_ttl: int | None = None
    ) -> Metadata | None:
        """Tell what is known of a conversation (None when there is none), and keep it alive.

        Args:
            session_id: The conversation.
            owner: Whose it must be.
            own_ttl: Seconds to keep this conversation from now on, in place of the memory's ttl.
        """
        return self._follow(self._flows.metadata(session_id, owner, own_ttl))

    async def ametadata(
        self, session_id: str, *, owner: str | None = None, own_ttl: int | None = None
    ) -> Metadata | None:
        """Tell what is known of a conversation; see `metadata`."""
        return await self._afollow(self._flows.metadata(session_id, owner, own_ttl))

    def ping(self) -> None:
        """Raise a StoreError when Redis can't be used."""
        self._connections.store.ping()

    async def aping(self) -> None:
        """Raise a StoreError when Redis can't be used; see `ping`."""
        await self._connections.async_store.ping()

    def close(self) -> None:
        """Archive what waits, and close the connections of sync callers and of the archive.

        A client or engine that was handed in stays open.
        """
        if self._flows.tier:
            self._flows.tier.close(self._connections.close_apart())
        if self._connections.own:
            self._connections.store.close()

    async def aclose(self) -> None:
        """Close the connections of the running loop, and all that `close` closes."""
        if self._connections.own:
            await self._connections.async_store.close()
        await asyncio.to_thread(self.close)

    def _follow(self, flow: Flow[T]) -> T:
        return follow(flow, self._connections.store.run)

    async def _afollow(self, flow: Flow[T]) -> T:
        return await afollow(flow, self._connections.async_store.run)

    def _retrieved(self, session_id: str, window: Window) -> Window:
        self.undecodable += window.skipped
        say("Retrieved %d messages for: %s", len(window.messages), session_id)
        return window

    def _added(self, session_id: str, count: int, appended: Appended) -> Appended:
        if appended.created:
            say("Created session: %s", session_id)
        if count and not appended.repeated:
            say("Added %d messages to %s (total: %d)", count, session_id, appended.length)
        return appended

    def _cleared(self, session_id: str, *, removed: bool) -> bool:
        if removed:
            say("Cleared session: %s", session_id)
        return removed


def _archive(settings: MemorySettings, database: str | AsyncEngine | None) -> str | None:
    """Name the archive, by which the embedded Redis of one is not that of another."""
    if settings.database_url and (database is None or isinstance(database, str)):
        return settings.database_url.get_secret_value()
    return None if database is None else str(getattr(database, "url", database))
