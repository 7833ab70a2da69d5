"""The archive as a memory uses it: kept up to date from the outbox, asked when Redis forgot."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from openta_memory._log import described
from openta_memory._records import Appended
from openta_memory.archive import Archive
from openta_memory.archive.bridge import LoopThread, end
from openta_memory.archive.drain import Run
from openta_memory.archive.entries import Record, Snapshot
from openta_memory.archive.outage import Outage
from openta_memory.errors import (
    ArchiveError,
    OpenTAMemoryError,
    SettingsError,
    StoreUnavailableError,
)
from openta_memory.keys import Keys
from openta_memory.settings import MemorySettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

logger = logging.getLogger("openta_memory")

DEFAULT_INTERVAL = 300.0

# How long a first call waits for an archive before it goes on without.
READY_SECONDS = 3.0

# Health is asked for often, and by those who wait no longer themselves.
PING_SECONDS = 2.0


def build_tier(
    settings: MemorySettings,
    database: str | AsyncEngine | None,
    run: Run,
    keys: Keys,
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
    if not isinstance(database, str) and not hasattr(database, "sync_engine"):
        raise SettingsError(
            f"database: {type(database).__name__} is neither a URL nor an asynchronous engine"
        )
    interval = settings.sync_interval
    if interval is None:
        # What the embedded Redis holds ends with the process, so nothing may wait in it.
        interval = 0.0 if embedded else DEFAULT_INTERVAL
    return ArchiveTier(
        Archive(database), run, keys, interval=interval, auto=settings.auto_sync_to_db
    )


class ArchiveTier:
    """Keeps an archive beside one Redis; may be called from any thread and any event loop.

    Every method that does something gives a future of `concurrent.futures`.

    Args:
        archive: The database.
        run: Sends a plan to Redis, on whatever loop is running.
        keys: How keys are named.
        interval: Seconds between two drains; 0 archives each append before it is acknowledged.
        auto: Drain at each interval, once it is ready.
    """

    def __init__(
        self, archive: Archive, run: Run, keys: Keys, *, interval: float, auto: bool
    ) -> None:
        self.archive = archive
        self.interval = interval
        self._auto = auto and interval > 0
        self._run = run
        self._keys = keys
        self._closing = Lock()
        self._begin()
        _begin_anew_in_forks(self)

    @property
    def is_ready(self) -> bool:
        """Say whether it was looked for what Redis missed."""
        return self._is_ready

    @property
    def is_redis_away(self) -> bool:
        """Say whether reads and appends have to go past Redis."""
        return self._outage.is_redis_away

    def redis_went(self, error: StoreUnavailableError) -> None:
        """Go past Redis until it is found again."""
        self._outage.redis_went(error)

    def archive_went(self, error: ArchiveError) -> None:
        """Make good what the archive was not asked for, once it is found again."""
        self._outage.archive_went(error)

    def get_ready(self) -> Future[None]:
        """Reload what was written past Redis, and begin to drain at each interval.

        It is given a few seconds; what takes longer goes on behind.
        """
        return self._thread.submit(self._get_ready())

    def append(
        self, session_id: str, owner: str | None, records: Sequence[bytes]
    ) -> Future[Appended | None]:
        """Store messages past Redis; None, and nothing stored, when it is back."""
        return self._thread.submit(
            self._outage.unless_over(self.archive.append, session_id, owner, records)
        )

    def clear(self, session_id: str, owner: str | None, token: str) -> Future[bool | None]:
        """Clear a conversation past Redis; None, and nothing done, when it is back."""
        return self._thread.submit(
            self._outage.unless_over(self.archive.clear, session_id, owner, token)
        )

    def snapshot(
        self, session_id: str, limit: int | None, *, past_redis: bool = False
    ) -> Future[Snapshot | None]:
        """Read a conversation's latest records, all that waits included unless past Redis."""
        if past_redis:
            return self._thread.submit(self.archive.snapshot(session_id, limit))
        return self._thread.submit(self._snapshot(session_id, limit))

    def page(
        self, session_id: str, before: int | None, limit: int, *, past_redis: bool = False
    ) -> Future[list[Record]]:
        """Read records before a seq, all that waits included unless past Redis."""
        if past_redis:
            return self._thread.submit(self.archive.page(session_id, before, limit))
        return self._thread.submit(self._page(session_id, before, limit))

    def owned(self, owner: str) -> Future[set[str]]:
        """Read the ids of all conversations of an owner, all that waits included."""
        return self._thread.submit(self._owned(owner))

    def complete(self) -> Future[None]:
        """Return once all that waits now is archived, whoever took it off the outbox."""
        return self._thread.submit(self._outage.complete())

    def took(self, session_id: str, records: Sequence[bytes], entry: str | None) -> Future[bool]:
        """Archive all that waits, and say whether these records are there then.

        They are not where Redis lost the outbox before it was drained.
        """
        return self._thread.submit(self._took(session_id, records, entry))

    def sync(self) -> Future[int]:
        """Archive what waits now; tells how many entries that were."""
        return self._thread.submit(self._sync())

    def waiting(self) -> Future[int]:
        """Count the entries on the outbox."""
        return self._thread.submit(self._drain.waiting())

    def ping(self) -> Future[None]:
        """Raise an ArchiveError when the database can't be used, or takes seconds to answer."""
        return self._thread.submit(self.archive.ping(seconds=PING_SECONDS))

    def close(self, finish: Coroutine[Any, Any, None]) -> None:
        """Archive what waits, close the database and the thread.

        Args:
            finish: Run last on the thread's loop, to close what else belongs to it.
        """
        with self._closing:
            if not self._thread.is_running:
                finish.close()
                return
            try:
                self._thread.close(self._close(finish))
            finally:
                self._begin()

    def begin_anew(self) -> None:
        """Leave to the process that this one was forked off what belongs to its thread."""
        self._closing = Lock()
        self.archive.drop_connections()
        self._begin()

    def _begin(self) -> None:
        """Make what belongs to one run of a thread, and the thread last: it takes calls for all."""
        thread = LoopThread()
        self._outage = Outage(self._run, self.archive, self._keys, thread)
        self._drain = self._outage.drain
        self._preparing: asyncio.Task[None] | None = None
        self._periodic: asyncio.Task[None] | None = None
        self._is_ready = False
        self._thread = thread

    async def _get_ready(self) -> None:
        self._preparing = self._preparing or asyncio.create_task(self._prepare())
        await asyncio.wait({self._preparing}, timeout=READY_SECONDS)
        self._is_ready = True

    async def _prepare(self) -> None:
        if self._auto:
            self._periodic = asyncio.create_task(self._drain_for_ever())
        try:
            await self._outage.reload()
        except StoreUnavailableError as error:
            self.redis_went(error)
        except ArchiveError as error:
            self.archive_went(error)
        except Exception as error:  # noqa: BLE001 - the drain at each interval tries again
            logger.error("[ARCHIVE] Could not reload what Redis missed: %s", described(error))

    async def _drain_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            try:
                moved = await self._sync()
            except Exception as error:  # noqa: BLE001 - nobody else would begin to drain again
                logger.error(
                    "[ARCHIVE] Could not drain the outbox, which goes on growing: %s",
                    described(error),
                )
            else:
                if moved:
                    logger.info("[ARCHIVE] Archived %d entries", moved)

    async def _snapshot(self, session_id: str, limit: int | None) -> Snapshot | None:
        await self._outage.complete(self._keys.outbox(session_id))
        found = await self.archive.snapshot(session_id, limit)
        if found is None or not found.ahead:
            return found
        await self.archive.settle({session_id: 0})
        return await self.archive.snapshot(session_id, limit)

    async def _page(self, session_id: str, before: int | None, limit: int) -> list[Record]:
        await self._outage.complete(self._keys.outbox(session_id))
        return await self.archive.page(session_id, before, limit)

    async def _owned(self, owner: str) -> set[str]:
        # Not asked often, and not to be told in vain that the archive is away.
        await self._drain.complete()
        found: set[str] = set()
        page = await self.archive.ids(owner)
        while page:
            found.update(page)
            page = await self.archive.ids(owner, after=page[-1])
        return found

    async def _took(self, session_id: str, records: Sequence[bytes], entry: str | None) -> bool:
        await self._outage.complete(self._keys.outbox(session_id))
        if not records or self._drain.has_written(entry):
            return True
        return await self.archive.has(session_id, records)

    async def _sync(self) -> int:
        moved = await self._drain.once()
        await self._outage.reload()
        return moved

    async def _close(self, finish: Coroutine[Any, Any, None]) -> None:
        await end([self._preparing])
        await end([self._periodic])
        await self._outage.close()
        try:
            await self._drain.once()
        except OpenTAMemoryError as error:
            logger.error("[ARCHIVE] What waits on the outbox could not be archived: %s", error)
        finally:
            await self._thread.end_calls()
            await self.archive.aclose()
            await finish


_tiers: WeakSet[ArchiveTier] = WeakSet()


def _begin_anew_in_forks(tier: ArchiveTier) -> None:
    """Let a process that is forked off begin anew: it has no thread but the one that forked."""
    _tiers.add(tier)
    _hear_of_forks()


@cache
def _hear_of_forks() -> None:
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=_begin_all_anew)


def _begin_all_anew() -> None:
    for tier in _tiers:
        tier.begin_anew()
