"""Fixtures of the contract: a client of each kind of Redis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support.redis_server import RedisServer

from openta_memory.embedded import EmbeddedRedis


@pytest.fixture(params=["embedded", "real"])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "embedded":
        yield EmbeddedRedis().client()
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        with server.client() as client:
            yield client
