"""An archive's database of either kind, to be asked behind the memory's back and to go away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

from support.postgres import PostgresServer


class Database(Protocol):
    """One database of one test."""

    url: str

    def count(self) -> int:
        """Count the messages that it holds."""

    def go_away(self) -> None:
        """Let nobody use it, whether it has tables yet or not."""

    def come_back(self) -> None:
        """Let it be used again, with all that it held."""


class SQLiteDatabase:
    """A file in a directory of its own, which may be missing.

    Args:
        directory: Where the file is made.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._aside = directory.with_suffix(".away")
        self.url = f"sqlite:///{directory / 'archive.db'}"

    def count(self) -> int:
        with closing(sqlite3.connect(self._directory / "archive.db")) as database:
            (found,) = database.execute("SELECT count(*) FROM messages").fetchone()
        return int(found)

    def go_away(self) -> None:
        if self._directory.exists():
            self._directory.rename(self._aside)
        self._directory.write_text("a file where the directory should be")

    def come_back(self) -> None:
        self._directory.unlink()
        if self._aside.exists():
            self._aside.rename(self._directory)


class PostgresDatabase:
    """A database of a cluster that goes on serving others.

    Args:
        server: The cluster.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url = server.new_database()
        self._name = self.url.rpartition("/")[2]

    def count(self) -> int:
        return int(self._server.psql("SELECT count(*) FROM messages", self._name))

    def go_away(self) -> None:
        self._server.psql(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        ended = (
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'"
        )
        self._server.psql(ended)

    def come_back(self) -> None:
        self._server.psql(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")
