"""The databases that an archive can be in, each new and empty when it is asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import create_engine, text

from benchmarks import postgres
from benchmarks.report import Unmeasured


@dataclass(frozen=True)
class Database:
    """A kind of database.

    Attributes:
        name: What it is called.
        version: Which one it is.
        new: Makes an empty one and gives its URL.
    """

    name: str
    version: str
    new: Callable[[], str]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Databases:
    """What there is to measure, and what would be measured were it there.

    Attributes:
        present: Those that are there.
        absent: The names of the others.
    """

    present: list[Database]
    absent: list[str]

    def unmeasured(self, what: str) -> list[Unmeasured]:
        """Give the rows of those that are not there; in `what`, {} stands for the name."""
        return [Unmeasured(what.format(name), f"{name} is not installed") for name in self.absent]


@contextmanager
def databases() -> Iterator[Databases]:
    """Have both kinds of database for the length of a block, or the one that is there."""
    with TemporaryDirectory(prefix="openta-bench-") as directory, postgres.throw_away() as server:
        sqlite = Database("SQLite", sqlite3.sqlite_version, _files(Path(directory)))
        if server is None:
            yield Databases([sqlite], ["PostgreSQL"])
        else:
            yield Databases([sqlite, Database("PostgreSQL", server.version, server.new)], [])


def messages_in(url: str) -> int:
    """Count the messages in an archive, on a connection of our own."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found = connection.scalar(text("SELECT count(*) FROM messages"))
    engine.dispose()
    return int(found or 0)


def _files(directory: Path) -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"sqlite:///{directory}/archive-{next(numbers)}.db"
