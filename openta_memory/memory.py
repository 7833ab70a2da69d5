"""A memory: settings, connections and codec, and what can be done with a conversation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Self

import redis
import redis.asyncio.cluster
import redis.cluster
from langchain_core.messages import BaseMessage

from openta_memory import aio, embedded, store
from openta_memory._plans import Plans
from openta_memory._records import Appended, Metadata, Trimmed, Window
from openta_memory.errors import SettingsError
from openta_memory.keys import Keys, encode_id
from openta_memory.settings import MemorySettings

if TYPE_CHECKING:
    from openta_memory.history import RedisChatMessageHistory, TurnHistory

logger = logging.getLogger("openta_memory")


class ConversationMemory:
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
        client: A synchronous client of redis-py to use; it stays yours and is not closed.
        async_client: An asynchronous one, for the event loop it belongs to; likewise.
        settings: All settings at once, in place of the single ones.

    Raises:
        SettingsError: When a setting can't be used.
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
        client: Any | None = None,
        async_client: Any | None = None,
        settings: MemorySettings | None = None,
    ) -> None:
        given = {
            "redis_url": redis_url,
            "session_ttl": ttl,
            "max_messages_per_session": max_messages,
            "max_message_bytes": max_message_bytes,
        }
        if settings and any(value is not None for value in given.values()):
            raise SettingsError("pass either settings= or single settings, not both")
        self.settings = settings or MemorySettings.load(**given)
        self.undecodable = 0
        self._plans = Plans(
            ttl=self.settings.session_ttl,
            max_messages=self.settings.max_messages_per_session,
            max_message_bytes=self.settings.max_message_bytes,
            strict=strict,
            keys=Keys(cluster=_is_cluster(client) or _is_cluster(async_client)),
        )
        self._own = client is None and async_client is None
        if self._own:
            client, clients = self._build_client(), aio.LoopClients(self._build_async_client)
        else:
            client, async_client = _checked(client, async_client)
            clients = aio.LoopClients.always(async_client)
        server = self.settings.server if self._own else "(the client that was handed in)"
        self._store = store.RedisStore(client, server=server)
        self._async_store = aio.AsyncRedisStore(clients, server=server)

    @classmethod
    def from_env(cls, **given: Any) -> Self:
        """Build a memory from the environment and `.env`; arguments go first."""
        return cls(**given)

    @staticmethod
    def shared(settings: MemorySettings) -> ConversationMemory:
        """Give this process's memory of these settings, so that its pools are shared."""
        with _BUILDING:
            return _shared(settings)

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
            limit: How many of the last messages to read at the most, beginning at a turn; None
                reads all.
            owner: Whose it must be.

        Raises:
            OwnerError: When it is not this owner's.
            CorruptMessageError: In strict mode, when an entry can't be decoded.
            StoreError: When Redis can't be used.
        """
        plan = self._plans.window(session_id, limit=limit, owner=owner)
        return self._retrieved(session_id, self._store.run(plan))

    async def awindow(
        self, session_id: str, *, limit: int | None = None, owner: str | None = None
    ) -> Window:
        """Read the last messages; see `window`."""
        plan = self._plans.window(session_id, limit=limit, owner=owner)
        return self._retrieved(session_id, await self._async_store.run(plan))

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
                minute and as far as the conversation's last 100 appends. Connections that drop
                are tried again safely without.

        Raises:
            OwnerError: When it is not this owner's.
            MessageError: When a message is too large or not serializable.
            StoreError: When Redis can't be used.
        """
        plan = self._plans.append(session_id, messages, owner=owner, token=token)
        return self._added(session_id, len(messages), self._store.run(plan))

    async def aappend(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        *,
        owner: str | None = None,
        token: str | None = None,
    ) -> Appended:
        """Store a batch of messages; see `append`."""
        plan = self._plans.append(session_id, messages, owner=owner, token=token)
        return self._added(session_id, len(messages), await self._async_store.run(plan))

    def window_then_append(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        *,
        owner: str | None = None,
        token: str | None = None,
    ) -> tuple[Window, Appended]:
        """Read the conversation as it is, then append to it, in one round trip."""
        plan = self._plans.window_then_append(session_id, messages, owner=owner, token=token)
        window, appended = self._store.run(plan)
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
        plan = self._plans.window_then_append(session_id, messages, owner=owner, token=token)
        window, appended = await self._async_store.run(plan)
        self._retrieved(session_id, window)
        return window, self._added(session_id, len(messages), appended)

    def trim(self, session_id: str, keep: int, *, owner: str | None = None) -> Trimmed:
        """Keep at most the last `keep` messages (1 or more), in whole turns."""
        return self._store.run(self._plans.trim(session_id, keep, owner=owner))

    async def atrim(self, session_id: str, keep: int, *, owner: str | None = None) -> Trimmed:
        """Keep the last messages only; see `trim`."""
        return await self._async_store.run(self._plans.trim(session_id, keep, owner=owner))

    def clear(self, session_id: str, *, owner: str | None = None) -> bool:
        """Remove a conversation, messages and meta data; says whether there was one."""
        plan = self._plans.clear(session_id, owner=owner)
        return self._cleared(session_id, removed=self._store.run(plan))

    async def aclear(self, session_id: str, *, owner: str | None = None) -> bool:
        """Remove a conversation; see `clear`."""
        plan = self._plans.clear(session_id, owner=owner)
        return self._cleared(session_id, removed=await self._async_store.run(plan))

    def metadata(
        self, session_id: str, *, owner: str | None = None, own_ttl: int | None = None
    ) -> Metadata | None:
        """Tell what is known of a conversation (None when there is none), and keep it alive.

        Args:
            session_id: The conversation.
            owner: Whose it must be.
            own_ttl: Seconds to keep this conversation from now on, in place of the memory's ttl.
        """
        return self._store.run(self._plans.metadata(session_id, owner=owner, own_ttl=own_ttl))

    async def ametadata(
        self, session_id: str, *, owner: str | None = None, own_ttl: int | None = None
    ) -> Metadata | None:
        """Tell what is known of a conversation; see `metadata`."""
        plan = self._plans.metadata(session_id, owner=owner, own_ttl=own_ttl)
        return await self._async_store.run(plan)

    def ping(self) -> None:
        """Raise a StoreError when Redis can't be used."""
        self._store.ping()

    async def aping(self) -> None:
        """Raise a StoreError when Redis can't be used; see `ping`."""
        await self._async_store.ping()

    def close(self) -> None:
        """Close the pool for sync callers; a client that was handed in stays open."""
        if self._own:
            self._store.close()

    async def aclose(self) -> None:
        """Close the pools of the running loop and for sync callers; see `close`."""
        if self._own:
            await self._async_store.close()
        self.close()

    def _build_client(self) -> Any:
        if self.settings.url:
            return store.connect(self.settings)
        client = embedded.of_this_process().client()
        _say_embedded()
        return client

    def _build_async_client(self) -> Any:
        if self.settings.url:
            return aio.connect(self.settings)
        return embedded.of_this_process().async_client()

    def _retrieved(self, session_id: str, window: Window) -> Window:
        self.undecodable += window.skipped
        _say("Retrieved %d messages for: %s", len(window.messages), session_id)
        return window

    def _added(self, session_id: str, count: int, appended: Appended) -> Appended:
        if appended.created:
            _say("Created session: %s", session_id)
        if count and not appended.repeated:
            _say("Added %d messages to %s (total: %d)", count, session_id, appended.length)
        return appended

    def _cleared(self, session_id: str, *, removed: bool) -> bool:
        if removed:
            _say("Cleared session: %s", session_id)
        return removed


def _say(sentence: str, *facts: str | int) -> None:
    if logger.isEnabledFor(logging.INFO):
        names = [encode_id(fact) if isinstance(fact, str) else fact for fact in facts]
        logger.info("[SESSION] " + sentence, *names)  # noqa: G003 - one marker for all lines


_SYNC = (redis.Redis, redis.cluster.RedisCluster)
_ASYNC = (redis.asyncio.Redis, redis.asyncio.cluster.RedisCluster)

# A cache alone would let threads that come at once build one each.
_BUILDING = Lock()


class _Missing:
    """Stands where a client of one kind was not handed in, and says so when it is needed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        raise SettingsError(
            f"this memory was handed a client of the other kind only: pass {self._name}= as well"
        )


def _checked(client: Any | None, async_client: Any | None) -> tuple[Any, Any]:
    if isinstance(client, _ASYNC) or isinstance(async_client, _SYNC):
        raise SettingsError("client= takes a redis.Redis, async_client= a redis.asyncio.Redis")
    return (
        _Missing("client") if client is None else client,
        _Missing("async_client") if async_client is None else async_client,
    )


def _is_cluster(client: Any | None) -> bool:
    return isinstance(client, redis.cluster.RedisCluster | redis.asyncio.cluster.RedisCluster)


def memory_or_shared(memory: ConversationMemory | None, **given: Any) -> ConversationMemory:
    """Give the memory that was handed in, or this process's one of these settings.

    Raises:
        SettingsError: When both are given.
    """
    if memory is None:
        return ConversationMemory.shared(MemorySettings.load(**given))
    if any(value is not None for value in given.values()):
        raise SettingsError("pass either memory= or settings of its own, not both")
    return memory


@lru_cache(maxsize=16)
def _shared(settings: MemorySettings) -> ConversationMemory:
    return ConversationMemory(settings=settings)


@cache
def _say_embedded() -> None:
    logger.warning(
        "No REDIS_URL: an embedded Redis keeps conversations in this process's memory, "
        "until it ends. Set REDIS_URL to keep them in a real one."
    )
