"""The contract, over the embedded and a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
from support.redis_server import RedisServer

from openta_memory.embedded import EmbeddedRedis
from openta_memory.testing import MemoryContract


class TestEmbeddedRedis(MemoryContract):
    @pytest.fixture
    def connection(self) -> dict[str, Any]:
        redis = EmbeddedRedis()
        return {"client": redis.client(), "async_client": redis.async_client()}


class TestRealRedis(MemoryContract):
    @pytest.fixture
    def connection(self, redis_server: RedisServer) -> dict[str, Any]:
        return {"redis_url": redis_server.url}
