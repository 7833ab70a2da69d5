"""One Redis and one SQLite archive in the environment, and the command line over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.redis_server import RedisServer
from typer.testing import CliRunner

from openta_memory import ConversationMemory
from openta_memory.cli.app import app


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'archive.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    return url


@pytest.fixture
def redis_url(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    return redis_server.url


@pytest.fixture
def raw(redis_server: RedisServer) -> Iterator[Any]:
    """A plain client, to look behind the library's back."""
    with redis_server.client() as client:
        yield client


@pytest.fixture
def memory(redis_url: str, database: str) -> Iterator[ConversationMemory]:
    memory = ConversationMemory(redis_url=redis_url, database=database)
    yield memory
    memory.close()


@pytest.fixture
def run() -> Callable[..., Any]:
    """Run a command in this process; gives its exit code, stdout and stderr."""

    def run(*words: str, answer: str | None = None) -> Any:
        result = CliRunner().invoke(app, list(words), input=answer)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run
