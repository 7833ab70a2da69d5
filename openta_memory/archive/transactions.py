"""How work reaches the database: one transaction, retried once, its errors made ours."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from openta_memory.archive import engines
from openta_memory.archive.failures import DATABASE_FAILURES, from_database, worth_a_retry
from openta_memory.errors import OpenTAMemoryError

T = TypeVar("T")

# How long one transaction may take: a database that hangs is told as one that is down.
ANSWER_SECONDS = 20.0

# A file becomes WAL only while nobody else holds it, and SQLite does not wait for that.
_WAL_TRIES = 200
_WAL_PAUSE_SECONDS = 0.05


class Transactions:
    """Runs work in transactions of one engine.

    Args:
        engine: Where to; its pool's connections are replaced when they went stale.
        database: The URL without its password, for errors.
    """

    def __init__(self, engine: AsyncEngine, database: str) -> None:
        self.engine = engine
        self.database = database

    async def run(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        writes: bool = True,
        seconds: float = ANSWER_SECONDS,
    ) -> T:
        """Do the work in one transaction and commit it.

        On a lost connection or a deadlock the whole is done once more, so `work` must be able
        to run twice.

        Args:
            work: What to do on the connection.
            writes: Whether it changes anything.
            seconds: How long it may take in all.

        Raises:
            ArchiveUnavailableError: When the database can't be reached or does not answer.
            ArchiveError: When it refuses.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._twice_at_most(work, writes=writes)
        except OpenTAMemoryError:
            raise
        except DATABASE_FAILURES as error:
            raise from_database(error, database=self.database) from None

    async def use_wal(self) -> None:
        """Let a SQLite file be read while it is written; it stays so.

        Raises:
            ArchiveUnavailableError: When the file can't be opened, or stays locked.
        """
        try:
            for _ in range(_WAL_TRIES):
                if await self._became_wal():
                    return
                await asyncio.sleep(_WAL_PAUSE_SECONDS)
        except DATABASE_FAILURES as error:
            raise from_database(error, database=self.database) from None

    def create_directory(self) -> None:
        """Make sure that a SQLite file has a directory to stand in.

        Raises:
            ArchiveUnavailableError: When it can't be made.
        """
        if place := engines.directory(self.engine.url):
            try:
                place.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise from_database(error, database=self.database) from None

    async def _twice_at_most(
        self, work: Callable[[AsyncConnection], Awaitable[T]], *, writes: bool
    ) -> T:
        try:
            return await self._once(work, writes=writes)
        except exc.SQLAlchemyError as error:
            if not worth_a_retry(error):
                raise
        return await self._once(work, writes=writes)

    async def _once(self, work: Callable[[AsyncConnection], Awaitable[T]], *, writes: bool) -> T:
        async with self.engine.begin() as connection:
            if writes and connection.dialect.name == "sqlite":
                await _begin_immediately(connection)
            return await work(connection)

    async def _became_wal(self) -> bool:
        async with self.engine.connect() as connection:
            try:
                mode = await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            except exc.OperationalError as error:
                if "locked" in str(error.orig):
                    return False
                raise
            return bool(mode.scalar_one() == "wal")


async def _begin_immediately(connection: AsyncConnection) -> None:
    """Take SQLite's write lock at once: one taken later, after a read, would not be waited for."""
    raw = await connection.get_raw_connection()
    if not getattr(raw.driver_connection, "in_transaction", False):
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
