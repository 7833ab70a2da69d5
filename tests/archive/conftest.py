"""Every promise is tried on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.postgres import PostgresServer, running_postgres
from support.redis_server import RedisServer

from openta_memory import ConversationMemory
from openta_memory.embedded import EmbeddedRedis


@pytest.fixture(scope="session")
def shared_postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of the test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/archive.db"
    server: PostgresServer = request.getfixturevalue("shared_postgres")
    return server.new_database()


@pytest.fixture(params=["embedded", "real"])
def connection(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Clients for a memory, and `raw` to look behind its back."""
    if request.param == "embedded":
        redis = EmbeddedRedis()
        yield {"client": redis.client(), "async_client": redis.async_client()}
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        with server.client() as raw:
            yield {"redis_url": server.url, "raw": raw}


@pytest.fixture
def raw(connection: dict[str, Any]) -> Any:
    return connection.get("raw") or connection["client"]


@pytest.fixture
def build(connection: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Build memories over one Redis and one SQLite file, in both faces, and close them."""
    built: list[ConversationMemory] = []

    def build(**settings: Any) -> ConversationMemory:
        given = {name: value for name, value in connection.items() if name != "raw"}
        memory = ConversationMemory(
            **given, **{"database": f"sqlite:///{tmp_path / 'data' / 'a.db'}", **settings}
        )
        built.append(memory)
        return memory

    yield build
    for memory in built:
        memory.close()
