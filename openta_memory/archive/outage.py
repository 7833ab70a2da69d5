"""What happens while Redis or the archive is away, and how it is made good after.

While Redis is away, nobody asks it (a hung one would cost each caller a timeout) but a probe every
few seconds. Before anybody asks it again, it is made to forget the conversations that were written
past it, so that their next read or append restores them. An archive that was found away is not
asked for what Redis lost, either, until the probe finds it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any, ParamSpec, TypeVar

from openta_memory import _reload
from openta_memory._log import described
from openta_memory.archive.bridge import LoopThread, end
from openta_memory.archive.database import Archive
from openta_memory.archive.drain import Drain, Run
from openta_memory.errors import (
    ArchiveError,
    ArchiveUnavailableError,
    StoreUnavailableError,
)
from openta_memory.keys import Keys

logger = logging.getLogger("openta_memory")

P = ParamSpec("P")
T = TypeVar("T")

PROBE_SECONDS = 2.0

_IDS_AT_ONCE = 100
_ALL = 2**31 - 1


class Outage:
    """Knows whether Redis is away, and ends that state only when nothing is stale.

    Args:
        run: Sends a plan to Redis.
        archive: What serves meanwhile.
        keys: How keys are named.
        thread: The loop on which every coroutine here runs.
    """

    def __init__(self, run: Run, archive: Archive, keys: Keys, thread: LoopThread) -> None:
        self.is_redis_away = False
        self._is_archive_away = False
        self._run = run
        self._archive = archive
        self._keys = keys
        self.drain = Drain(run, archive, keys.outboxes(), self.archive_is_ahead)
        """Brings to the archive what Redis still has for it."""
        self._thread = thread
        self._noticing = Lock()
        self._is_closed = False
        self._watch: Future[None] | None = None
        self._looking: asyncio.Task[Any] | None = None
        self._writing = asyncio.Lock()
        self._was_written = False

    def redis_went(self, error: StoreUnavailableError) -> None:
        """Note that Redis is away, and look for it from now on; from any thread."""
        with self._noticing:
            if not self.is_redis_away:
                self.is_redis_away = True
                logger.error("[ARCHIVE] The archive serves alone: %s", error)
            self._begin_watch()

    def archive_went(self, error: ArchiveError) -> None:
        """Note that the archive is away, and look for it from now on; from any thread."""
        with self._noticing:
            if isinstance(error, ArchiveUnavailableError) and not self._is_archive_away:
                self._is_archive_away = True
                logger.error("[ARCHIVE] Redis serves alone: %s", error)
            self._begin_watch()

    def archive_is_ahead(self) -> None:
        """Reload soon what Redis does not know of; from any thread."""
        with self._noticing:
            self._begin_watch()

    async def complete(self, *streams: str) -> None:
        """Archive all that waits, on some streams or on all, unless the archive is known away.

        Raises:
            ArchiveError: When the database can't be used.
            StoreError: When Redis can't be used.
        """
        if self._is_archive_away:
            raise ArchiveUnavailableError(
                f"the archive at {self._archive.database} is away, and is being looked for"
            )
        await self.drain.complete(*streams)

    async def unless_over(
        self, write: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """Write past Redis, one caller at a time; None, and nothing written, when it is back."""
        async with self._writing:
            if not self.is_redis_away:
                return None
            done = await write(*args, **kwargs)
            self._was_written = True
            return done

    async def reload(self) -> None:
        """Make Redis forget what was written past it until now.

        Not what is written meanwhile: others may go on for ever.

        Raises:
            ArchiveError: When the database can't be used.
            StoreError: When Redis can't be used.
        """
        changes = await self._archive.ahead(_ALL)
        self._archive_came()
        stale = list(changes)
        while stale:
            some, stale = stale[:_IDS_AT_ONCE], stale[_IDS_AT_ONCE:]
            stale += await self._forget({each: changes[each] for each in some})

    async def close(self) -> None:
        """Stop looking, and don't begin again."""
        with self._noticing:
            self._is_closed = True
        await end([self._looking])

    async def _forget(self, changes: Mapping[str, int]) -> list[str]:
        """Make Redis forget conversations; gives those that were appended to meanwhile."""
        ids = list(changes)
        now = await self._run(_reload.now())
        numbers = await self._run(_reload.numbers(self._keys, ids))
        await self.drain.complete()
        forgotten = await self._run(_reload.evict(self._keys, ids, numbers))
        await self._archive.settle({each: changes[each] for each in forgotten}, now)
        return sorted(set(ids).difference(forgotten))

    def _archive_came(self) -> None:
        with self._noticing:
            if self._is_archive_away:
                self._is_archive_away = False
                logger.warning("[ARCHIVE] The archive is back")

    def _begin_watch(self) -> None:
        if self._watch is None and not self._is_closed:
            self._watch = self._thread.submit(self._until_found())

    async def _until_found(self) -> None:
        self._looking = asyncio.current_task()
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            try:
                await self._find()
            except Exception as error:  # noqa: BLE001 - nobody else would ever end the outage
                logger.info("[ARCHIVE] Not found again yet: %s", described(error))
            else:
                return

    async def _find(self) -> None:
        await self._run(_reload.now())
        try:
            await self.drain.complete()
            await self.reload()
            # Nobody writes past Redis between the last look and the end of it.
            async with self._writing:
                await self.reload()
                self._end(watch=None)
        except ArchiveUnavailableError:
            if not self._was_written:
                # Both went, nothing was written, and Redis is back first: it serves alone.
                self._end(watch=self._watch)
            raise

    def _end(self, *, watch: Future[None] | None) -> None:
        with self._noticing:
            if self.is_redis_away:
                logger.warning("[ARCHIVE] Redis is back")
            self.is_redis_away, self._was_written, self._watch = False, False, watch
            if watch is None:
                # Nobody looks any more for an archive that was told away since.
                self._is_archive_away = False
