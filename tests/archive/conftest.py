"""Every promise is tried on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.postgres import PostgresServer, running_postgres


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
