"""Counting the connections of one memory, told from all others by their name."""

from __future__ import annotations

import time
from uuid import uuid4

from support.redis_server import RedisServer


class Connections:
    """The connections that are opened through its `url`.

    Args:
        server: The Redis.
    """

    def __init__(self, server: RedisServer) -> None:
        self._name = f"counted-{uuid4().hex}"
        self._server = server
        self.url = f"{server.url}?client_name={self._name}"

    def count(self) -> int:
        """Count those that are open now."""
        with self._server.client() as client:
            return sum(entry["name"] == self._name for entry in client.client_list())

    def ids(self) -> set[str]:
        """Give the numbers of those that are open now; Redis uses none twice."""
        with self._server.client() as client:
            return {entry["id"] for entry in client.client_list() if entry["name"] == self._name}

    def settle(self, expected: int) -> int:
        """Count them once Redis has noticed what was closed, or after two seconds."""
        deadline = time.monotonic() + 2
        while (found := self.count()) != expected and time.monotonic() < deadline:
            time.sleep(0.01)
        return found
