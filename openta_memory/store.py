"""Sends plans over `redis.Redis`, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as DriverConnectionError
from redis.exceptions import NoScriptError
from redis.retry import Retry

from openta_memory._commands import AS_BYTES, Command, Plan
from openta_memory.errors import DRIVER_FAILURES, SettingsError, from_driver
from openta_memory.settings import (
    CONNECT_SECONDS,
    POOL_SIZE,
    RETRIES,
    SOCKET_SECONDS,
    MemorySettings,
)

T = TypeVar("T")


def connect(settings: MemorySettings) -> redis.Redis:
    """Build a client with a bounded pool; it connects when it is first used.

    A dropped connection is tried again at once, which append tokens make safe. A server that
    doesn't answer is not: its caller waits for one socket timeout and no more.
    """
    pool = redis.BlockingConnectionPool.from_url(
        settings.url or "",
        max_connections=POOL_SIZE,
        timeout=SOCKET_SECONDS,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.001), RETRIES, (DriverConnectionError,)),
        **settings.credentials,
    )
    try:
        # Made and dropped: a connection connects only when it is asked to.
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError):
        raise SettingsError("REDIS_URL: has an option behind ? that the driver lacks") from None
    return redis.Redis.from_pool(pool)


class RedisStore:
    """Runs plans on a synchronous client.

    Args:
        client: Any client of redis-py; its settings for decoding don't matter.
        server: What to call the server in errors: its URL without the password.
    """

    def __init__(self, client: Any, *, server: str) -> None:
        self._client = client
        self._server = server

    def run(self, plan: Plan[T]) -> T:
        """Send a plan in one round trip and read the replies.

        Raises:
            StoreError: When Redis can't be used or refuses.
        """
        try:
            replies = self._send(plan.commands)
        except DRIVER_FAILURES as error:
            raise from_driver(error, server=self._server) from error
        return plan.read(replies)

    def ping(self) -> None:
        """Ask Redis for a sign of life; raise where there is none."""
        try:
            self._client.ping()
        except DRIVER_FAILURES as error:
            raise from_driver(error, server=self._server) from error

    def close(self) -> None:
        """Close the pool."""
        self._client.close()

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        try:
            return self._exchange([command.as_evalsha() for command in commands])
        except NoScriptError:
            return self._exchange([command.as_eval() for command in commands])

    def _exchange(self, spelled: list[tuple[Any, ...]]) -> list[Any]:
        if len(spelled) == 1:
            return [self._client.execute_command(*spelled[0], **AS_BYTES)]
        with self._client.pipeline(transaction=False) as pipeline:
            for words in spelled:
                pipeline.execute_command(*words, **AS_BYTES)
            replies: list[Any] = pipeline.execute()
            return replies
