"""Sends plans over `redis.asyncio.Redis`, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as DriverConnectionError
from redis.exceptions import NoScriptError

from openta_memory._plans import Command, Plan
from openta_memory.errors import driver_errors
from openta_memory.settings import (
    CONNECT_SECONDS,
    POOL_SIZE,
    RETRIES,
    SOCKET_SECONDS,
    MemorySettings,
)

T = TypeVar("T")


def connect(settings: MemorySettings) -> redis.asyncio.Redis:
    """Build a client with a bounded pool; see `store.connect`."""
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        settings.url or "",
        max_connections=POOL_SIZE,
        timeout=SOCKET_SECONDS,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), RETRIES, (DriverConnectionError,)),
        **settings.credentials,
    )
    return redis.asyncio.Redis.from_pool(pool)


class LoopClients:
    """One client for each event loop, closed when its loop shuts down.

    A connection belongs to the loop that opened it: a client that outlives its loop fails in the
    next `asyncio.run`.

    Args:
        build: Makes a client, without connecting.
    """

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build
        self._given: Any | None = None
        self._held: WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[Any, AsyncGenerator[None]]
        ] = WeakKeyDictionary()

    @classmethod
    def always(cls, client: Any) -> Self:
        """Give this client on every loop; it is the caller's, who closes it."""
        clients = cls(lambda: client)
        clients._given = client
        return clients

    async def current(self) -> Any:
        """Give the running loop's client."""
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        if loop not in self._held:
            client = self._build()
            closer = _close_at_shutdown(client)
            await anext(closer)
            self._held[loop] = client, closer
        return self._held[loop][0]

    async def aclose(self) -> None:
        """Close the running loop's client."""
        _, closer = self._held.pop(asyncio.get_running_loop(), (None, None))
        if closer:
            await closer.aclose()


async def _close_at_shutdown(client: Any) -> AsyncGenerator[None]:
    # A loop closes its unfinished generators before it stops: this one ends with the loop.
    try:
        yield
    finally:
        await client.aclose()


class AsyncRedisStore:
    """Runs plans on asynchronous clients.

    Args:
        clients: Gives the client of the running event loop.
        server: What to call the server in errors: its URL without the password.
    """

    def __init__(self, clients: LoopClients, *, server: str) -> None:
        self._clients = clients
        self._server = server

    async def run(self, plan: Plan[T]) -> T:
        """Send a plan in one round trip and read the replies.

        Raises:
            StoreError: When Redis can't be used or refuses.
        """
        with driver_errors(self._server):
            return plan.read(await self._send(plan.commands))

    async def ping(self) -> None:
        """Ask Redis for a sign of life; raise where there is none."""
        with driver_errors(self._server):
            await (await self._clients.current()).ping()

    async def close(self) -> None:
        """Close the running loop's pool."""
        await self._clients.aclose()

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        try:
            return await self._transact([command.as_evalsha() for command in commands])
        except NoScriptError:
            return await self._transact([command.as_eval() for command in commands])

    async def _transact(self, spelled: list[tuple[Any, ...]]) -> list[Any]:
        client = await self._clients.current()
        if len(spelled) == 1:
            return [await client.execute_command(*spelled[0])]
        async with client.pipeline(transaction=True) as pipeline:
            for words in spelled:
                pipeline.execute_command(*words)
            replies: list[Any] = await pipeline.execute()
            return replies
