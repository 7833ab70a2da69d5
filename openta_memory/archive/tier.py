"""The archive as a memory uses it: kept up to date from the outbox, asked when Redis forgot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from openta_memory.archive import Archive
from openta_memory.archive.bridge import LoopThread
from openta_memory.archive.drain import Drain, Run
from openta_memory.archive.entries import Snapshot
from openta_memory.errors import OpenTAMemoryError, SettingsError
from openta_memory.settings import MemorySettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

logger = logging.getLogger("openta_memory")

T = TypeVar("T")

DEFAULT_INTERVAL = 300.0


def build_tier(
    settings: MemorySettings,
    database: str | AsyncEngine | None,
    run: Run,
    streams: Sequence[str],
    *,
    embedded: bool,
) -> ArchiveTier:
    """Build the tier that the settings ask for; an engine that is handed in goes first.

    Raises:
        ArchiveError: When the database's URL can't be used.
        MissingExtraError: When the archive's packages are not installed.
    """
    if settings.database_url and (database is None or isinstance(database, str)):
        database = settings.database_url.get_secret_value()
    if database is None:
        raise SettingsError("DATABASE_URL: is not set")
    interval = settings.sync_interval
    if interval is None:
        # What the embedded Redis holds ends with the process, so nothing may wait in it.
        interval = 0.0 if embedded else DEFAULT_INTERVAL
    return ArchiveTier(
        Archive(database), run, streams, interval=interval, auto=settings.auto_sync_to_db
    )


class ArchiveTier:
    """Keeps an archive beside one Redis; may be called from any thread and any event loop.

    Every method gives a future of `concurrent.futures`.

    Args:
        archive: The database.
        run: Sends a plan to Redis, on whatever loop is running.
        streams: The outbox's streams.
        interval: Seconds between two drains; 0 archives each append before it is acknowledged.
        auto: Drain at each interval, from `start` on.
    """

    def __init__(
        self, archive: Archive, run: Run, streams: Sequence[str], *, interval: float, auto: bool
    ) -> None:
        self.archive = archive
        self.interval = interval
        self._run = run
        self._streams = streams
        self._auto = auto and interval > 0
        self._starting = Lock()
        self._thread = LoopThread()
        self._opening: asyncio.Lock | None = None
        self._drain: Drain | None = None
        self._periodic: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to drain at each interval, where that was asked for; once."""
        with self._starting:
            if self._auto:
                self._auto = False
                self._thread.submit(self._begin())

    def snapshot(self, session_id: str, limit: int | None) -> Future[Snapshot | None]:
        """Read a conversation's latest records, after all that waits was archived."""
        return self._submit(self._snapshot(session_id, limit))

    def page(self, session_id: str, before: int | None, limit: int) -> Future[Any]:
        """Read records before a seq, after all that waits was archived."""
        return self._submit(self._page(session_id, before, limit))

    def complete(self) -> Future[None]:
        """Return once all that waits now is archived, whoever took it off the outbox."""
        return self._submit(self._complete())

    def sync(self) -> Future[int]:
        """Archive what waits now; tells how many entries that were."""
        return self._submit(self._sync())

    def waiting(self) -> Future[int]:
        """Count the entries on the outbox."""
        return self._submit(self._waiting())

    def ping(self) -> Future[None]:
        """Raise an ArchiveError when the database can't be used."""
        return self._submit(self.archive.ping())

    def close(self, finish: Coroutine[Any, Any, None]) -> None:
        """Archive what waits, close the database and the thread.

        Args:
            finish: Run last on the thread's loop, to close what else belongs to it.
        """
        if not self._thread.is_running:
            finish.close()
            return
        try:
            self._thread.submit(self._close(finish)).result()
        finally:
            self._thread.close()

    def _submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        return self._thread.submit(self._opened(coroutine))

    async def _opened(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            await self._open()
        except BaseException:
            coroutine.close()
            raise
        return await coroutine

    async def _open(self) -> None:
        self._opening = self._opening or asyncio.Lock()
        async with self._opening:
            if self._drain is None:
                await self.archive.open()
                self._drain = Drain(self._run, self.archive, self._streams)

    async def _begin(self) -> None:
        self._periodic = asyncio.create_task(self._drain_for_ever())

    async def _drain_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            try:
                await self._open()
                moved = await self._drained().once()
            except OpenTAMemoryError as error:
                logger.error(
                    "[ARCHIVE] Could not drain the outbox, which goes on growing: %s", error
                )
            else:
                if moved:
                    logger.info("[ARCHIVE] Archived %d entries", moved)

    async def _snapshot(self, session_id: str, limit: int | None) -> Snapshot | None:
        await self._drained().complete()
        return await self.archive.snapshot(session_id, limit)

    async def _page(self, session_id: str, before: int | None, limit: int) -> Any:
        await self._drained().complete()
        return await self.archive.page(session_id, before, limit)

    async def _sync(self) -> int:
        return await self._drained().once()

    async def _waiting(self) -> int:
        return await self._drained().waiting()

    async def _complete(self) -> None:
        await self._drained().complete()

    def _drained(self) -> Drain:
        if self._drain is None:
            raise RuntimeError("the archive is not open")
        return self._drain

    async def _close(self, finish: Coroutine[Any, Any, None]) -> None:
        if self._periodic:
            self._periodic.cancel()
            with suppress(asyncio.CancelledError):
                await self._periodic
        try:
            if self._drain:
                await self._drain.once()
        except OpenTAMemoryError as error:
            logger.error("[ARCHIVE] What waits on the outbox could not be archived: %s", error)
        finally:
            self._drain, self._opening = None, None
            await self.archive.aclose()
            await finish
