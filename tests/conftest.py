"""Fixtures that all tests share: real servers, started when first needed and stopped after."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.redis_server import RedisServer

SETTINGS = (
    "REDIS_URL",
    "REDIS_USERNAME",
    "REDIS_PASSWORD",
    "SESSION_TTL",
    "MAX_MESSAGES_PER_SESSION",
    "MAX_MESSAGE_BYTES",
    "DATABASE_URL",
    "AUTO_SYNC_TO_DB",
    "SYNC_INTERVAL",
)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's own settings and .env file out of the tests."""
    for name in (*SETTINGS, *(name for name in os.environ if name.startswith("OPENTA_"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """A real Redis, emptied before the test; the test must not stop it."""
    with shared_redis.client() as client:
        client.flushall()
    return shared_redis


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Start servers of the test's own, to pause, kill and restart; options go to redis-server."""
    started: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        directory = tmp_path / f"redis-{len(started)}"
        directory.mkdir()
        started.append(RedisServer(directory, *options).start())
        return started[-1]

    yield start
    for server in started:
        server.stop()
