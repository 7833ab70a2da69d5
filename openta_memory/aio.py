"""Sends plans over `redis.asyncio.Redis`, and nothing else."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as DriverConnectionError
from redis.exceptions import NoScriptError

from openta_memory._commands import AS_BYTES, Command, Plan
from openta_memory.errors import DRIVER_FAILURES, from_driver
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
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.001), RETRIES, (DriverConnectionError,)),
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
        self._held: dict[asyncio.AbstractEventLoop, _LoopClient] = {}
        weakref.finalize(self, _forget, self._held)

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
            for ended in [other for other in self._held if other.is_closed()]:
                self._held.pop(ended).drop()
            self._held[loop] = _LoopClient(self._build())
            await self._held[loop].open()
        return self._held[loop].client

    async def aclose(self) -> None:
        """Close the running loop's client."""
        held = self._held.pop(asyncio.get_running_loop(), None)
        if held:
            await held.close()


class _LoopClient:
    """A client that is closed with its loop, which closes unfinished generators as it stops."""

    # Kept here, so that no garbage collection takes a generator from its loop too early.
    _open: ClassVar[set[_LoopClient]] = set()

    def __init__(self, client: Any) -> None:
        self.client = client
        self._until_shutdown = self._wait()
        self._closing: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self._open.add(self)
        await anext(self._until_shutdown)

    async def close(self) -> None:
        if self in self._open:
            self._open.discard(self)
            await self.client.aclose()

    def drop(self) -> None:
        self._open.discard(self)

    def close_soon(self) -> None:
        self._closing = asyncio.get_running_loop().create_task(self.close())

    async def _wait(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            await self.close()


def _forget(held: dict[asyncio.AbstractEventLoop, _LoopClient]) -> None:
    """Close what a memory leaves behind that nobody uses any more."""
    for loop, client in held.items():
        if loop.is_running():
            loop.call_soon_threadsafe(client.close_soon)


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
        try:
            replies = await self._send(plan.commands)
        except DRIVER_FAILURES as error:
            raise from_driver(error, server=self._server) from error
        return plan.read(replies)

    async def ping(self) -> None:
        """Ask Redis for a sign of life; raise where there is none."""
        try:
            await (await self._clients.current()).ping()
        except DRIVER_FAILURES as error:
            raise from_driver(error, server=self._server) from error

    async def close(self) -> None:
        """Close the running loop's pool."""
        await self._clients.aclose()

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        try:
            return await self._exchange([command.as_evalsha() for command in commands])
        except NoScriptError:
            return await self._exchange([command.as_eval() for command in commands])

    async def _exchange(self, spelled: list[tuple[Any, ...]]) -> list[Any]:
        client = await self._clients.current()
        if len(spelled) == 1:
            return [await client.execute_command(*spelled[0], **AS_BYTES)]
        async with client.pipeline(transaction=False) as pipeline:
            for words in spelled:
                pipeline.execute_command(*words, **AS_BYTES)
            replies: list[Any] = await pipeline.execute()
            return replies
