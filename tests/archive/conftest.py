"""Every promise is tried on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.databases import Database, PostgresDatabase, SQLiteDatabase
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
    return _database(request.param, request, tmp_path).url


@pytest.fixture(params=["embedded-sqlite", "real-sqlite", "real-postgresql"])
def tiers(request: pytest.FixtureRequest) -> list[str]:
    """Which Redis and which database a test runs on."""
    named: str = request.param
    return named.split("-")


@pytest.fixture
def connection(request: pytest.FixtureRequest, tiers: list[str]) -> Iterator[dict[str, Any]]:
    """Clients for a memory, and `raw` to look behind its back."""
    if tiers[0] == "embedded":
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
def database(request: pytest.FixtureRequest, tiers: list[str], tmp_path: Path) -> Database:
    return _database(tiers[1], request, tmp_path)


@pytest.fixture
def build(connection: dict[str, Any], database: Database) -> Iterator[Callable[..., Any]]:
    """Build memories over one Redis and one database, in both faces, and close them."""
    built: list[ConversationMemory] = []

    def build(**settings: Any) -> ConversationMemory:
        given = {name: value for name, value in connection.items() if name != "raw"}
        built.append(ConversationMemory(**given, **{"database": database.url, **settings}))
        return built[-1]

    yield build
    for memory in built:
        memory.close()


def _database(kind: str, request: pytest.FixtureRequest, place: Path) -> Database:
    if kind == "sqlite":
        return SQLiteDatabase(place / "data")
    return PostgresDatabase(request.getfixturevalue("shared_postgres"))
