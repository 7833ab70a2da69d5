"""How a memory reaches its Redis: clients of its own, clients handed in, or the embedded Redis."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import redis
import redis.asyncio.cluster
import redis.cluster

from openta_memory import aio, embedded, store
from openta_memory._commands import Plan
from openta_memory.errors import SettingsError
from openta_memory.settings import MemorySettings

logger = logging.getLogger("openta_memory")

T = TypeVar("T")

_SYNC = (redis.Redis, redis.cluster.RedisCluster)
_ASYNC = (redis.asyncio.Redis, redis.asyncio.cluster.RedisCluster)
_CLUSTER = (redis.cluster.RedisCluster, redis.asyncio.cluster.RedisCluster)


@dataclass(frozen=True, slots=True)
class Connections:
    """The two stores of a memory.

    Attributes:
        store: For sync callers.
        async_store: For async callers.
        own: The clients are ours to close.
        embedded: They speak to the Redis inside this process.
        cluster: They speak to a Redis Cluster.
    """

    store: store.RedisStore
    async_store: aio.AsyncRedisStore
    own: bool
    embedded: bool
    cluster: bool

    async def run_apart(self, plan: Plan[T]) -> T:
        """Send a plan from a loop of our own.

        An asynchronous client that was handed in belongs to its owner's loop, so that the
        synchronous one is used in a thread.
        """
        if self.own:
            return await self.async_store.run(plan)
        return await asyncio.to_thread(self.store.run, plan)

    async def close_apart(self) -> None:
        """Close what `run_apart` opened."""
        if self.own:
            await self.async_store.close()


def connect(
    settings: MemorySettings,
    client: Any | None,
    async_client: Any | None,
    *,
    database: str | None = None,
) -> Connections:
    """Build the stores; nothing is connected before it is used.

    Args:
        settings: Where Redis is.
        client: A synchronous client that was handed in.
        async_client: An asynchronous one.
        database: The archive that stands behind it; None where there is none.

    Raises:
        SettingsError: When a client is of the wrong kind, or missing beside an archive.
        MissingExtraError: When the embedded Redis is needed and not installed.
    """
    if client is None and async_client is None:
        own_client, clients = _own_clients(settings, database)
        inside = settings.url is None
        return _connections(own_client, clients, settings.server, own=True, embedded=inside)
    if isinstance(client, _ASYNC) or isinstance(async_client, _SYNC):
        raise SettingsError("client= takes a redis.Redis, async_client= a redis.asyncio.Redis")
    if database is not None and client is None:
        raise SettingsError(
            "an archive needs a synchronous client beside async_client=, which belongs to its own "
            "event loop: pass client= as well"
        )
    return _connections(
        _Missing("client") if client is None else client,
        aio.LoopClients.always(_Missing("async_client") if async_client is None else async_client),
        "(the client that was handed in)",
        own=False,
        embedded=False,
        cluster=isinstance(client, _CLUSTER) or isinstance(async_client, _CLUSTER),
    )


def _connections(
    client: Any,
    clients: aio.LoopClients,
    server: str,
    *,
    own: bool,
    embedded: bool,
    cluster: bool = False,
) -> Connections:
    return Connections(
        store.RedisStore(client, server=server),
        aio.AsyncRedisStore(clients, server=server),
        own=own,
        embedded=embedded,
        cluster=cluster,
    )


def _own_clients(settings: MemorySettings, database: str | None) -> tuple[Any, aio.LoopClients]:
    if settings.url:
        return store.connect(settings), aio.LoopClients(lambda: aio.connect(settings))
    inside = embedded.of_this_process(database)
    _say_embedded(kept=database is not None)
    return inside.client(), aio.LoopClients(inside.async_client)


class _Missing:
    """Stands where a client of one kind was not handed in, and says so when it is needed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        raise SettingsError(
            f"this memory was handed a client of the other kind only: pass {self._name}= as well"
        )


@cache
def _say_embedded(*, kept: bool) -> None:
    if kept:
        logger.info("No REDIS_URL: an embedded Redis serves, and the archive keeps what is said.")
        return
    logger.warning(
        "No REDIS_URL: an embedded Redis keeps conversations in this process's memory, "
        "until it ends. Set REDIS_URL to keep them in a real one."
    )
