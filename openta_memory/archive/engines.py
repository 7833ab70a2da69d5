"""From a database's URL to an engine; no connection is made here."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, exc, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from openta_memory.errors import ArchiveError, MissingExtraError

CONNECT_SECONDS = 5
POOL_SECONDS = 10
# How long a SQLite file may be locked by others.
BUSY_SECONDS = 10

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

# Parts of the names of what a URL's query may hold and nobody else may read.
_SECRETS = ("password", "secret", "scram")

_FORM = "write sqlite:///path or postgresql://user:password@host:port/database"


class _SQLiteConnection(sqlite3.Connection):
    """Ends its transaction when it is closed.

    One that is closed under a cursor, as of a call that was cancelled, would keep the file locked
    until the cursor is collected.
    """

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


def build_engine(url: str) -> AsyncEngine:
    """Build the engine for a plain SQLAlchemy URL.

    Raises:
        ArchiveError: When the URL names no database that can be an archive.
        MissingExtraError: When the database's driver is not installed.
    """
    parsed = parse(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    options = _sqlite_options() if sqlite else _postgresql_options(parsed)
    try:
        engine = create_async_engine(
            parsed, pool_pre_ping=True, pool_timeout=POOL_SECONDS, hide_parameters=True, **options
        )
    except ImportError as error:
        raise MissingExtraError(
            f"the archive needs {error.name or 'a driver'}, which is not installed: "
            'pip install "openta-memory[archive]"'
        ) from None
    if sqlite:
        event.listen(engine.sync_engine, "connect", _set_pragmas)
    return engine


def parse(url: str) -> URL:
    """Read a URL, and name the driver in it.

    Raises:
        ArchiveError: When it names no database that can be an archive.
    """
    try:
        parsed = make_url(url)
        driver = _DRIVERS[parsed.drivername]
    except (exc.ArgumentError, KeyError, ValueError):
        raise ArchiveError(f"DATABASE_URL is no URL of an archive: {_FORM}") from None
    if driver.startswith("sqlite") and parsed.database in (None, "", ":memory:"):
        raise ArchiveError(f"DATABASE_URL names no file, and an archive needs one: {_FORM}")
    return parsed.set(drivername=driver)


def shown(url: URL) -> str:
    """Give a URL without its driver and without its passwords, wherever they stand."""
    query = {
        name: value
        for name, value in url.query.items()
        if not any(secret in name.lower() for secret in _SECRETS)
    }
    bare = URL.create(url.get_backend_name(), url.username, None, url.host, url.port, url.database)
    return str(bare.set(query=query))


def directory(url: URL) -> Path | None:
    """Give the directory of a SQLite file; None for other databases."""
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return None
    return None if url.database.startswith("file:") else Path(url.database).parent


def _sqlite_options() -> dict[str, Any]:
    return {"connect_args": {"timeout": BUSY_SECONDS, "factory": _SQLiteConnection}}


def _postgresql_options(url: URL) -> dict[str, Any]:
    # Prepared statements would not outlive a transaction behind a pooler such as Supabase's.
    arguments: dict[str, Any] = {"prepare_threshold": None}
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_SECONDS
    return {"connect_args": arguments, "use_native_hstore": False}


def _set_pragmas(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
