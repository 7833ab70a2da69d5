"""The drain: moves what is on the outbox into the archive, exactly once in effect.

An entry is taken off the outbox only after the transaction that holds it was committed. A drain
that dies in between leaves the entry to the next one, and writing it again changes nothing. One
that can't be archived whatever is tried is parked on a stream of its own, out of the others' way.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from openta_memory import _outbox
from openta_memory._outbox import OutboxEntry
from openta_memory.archive import incoming
from openta_memory.archive.entries import Entry, UnarchivableError
from openta_memory.errors import ArchiveError, ArchiveUnavailableError, StoreReplyError
from openta_memory.keys import parked as parked_stream

if TYPE_CHECKING:
    from openta_memory.archive.database import Archive

logger = logging.getLogger("openta_memory")

COUNT = 500
# Short, because to write what another one still writes does no harm, and callers may wait for it.
TAKE_OVER_MS = 5_000
POLL_SECONDS = 0.02
PATIENCE_SECONDS = 10.0

_REMEMBERED = 1000
_TIMES_EMPTIED = 5

Run = Callable[[Any], Awaitable[Any]]

# An entry's id, and what it says or why it can't be archived.
_Read = tuple[str, Entry]
_Parked = tuple[str, str]


class Drain:
    """Drains the outbox of one Redis into one archive; several processes may do so at once.

    Args:
        run: Sends a plan to Redis.
        archive: Where entries go.
        streams: The outbox's streams: one, or one a bucket on a cluster.
        on_ahead: Told when the archive has what Redis must forget.
    """

    def __init__(
        self,
        run: Run,
        archive: Archive,
        streams: Sequence[str],
        on_ahead: Callable[[], None] = lambda: None,
    ) -> None:
        self._run = run
        self._archive = archive
        self._streams = streams
        self._on_ahead = on_ahead
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex[:8]}"
        self._grouped: set[str] = set()
        self._alone = {stream: asyncio.Lock() for stream in streams}
        # When the archive went away last, and how that was told.
        self._went = (-math.inf, "")
        self._latest: deque[str] = deque(maxlen=_REMEMBERED)

    async def once(self) -> int:
        """Archive what waits now; tells how many entries that were.

        Raises:
            ArchiveError: When the database can't be used; what waits goes on waiting.
            StoreError: When Redis can't be used.
        """
        return sum(
            [await self._drain(stream, await self._last(stream)) for stream in self._streams]
        )

    async def complete(self, *streams: str) -> None:
        """Return once all that waits now is archived or parked, by this drain or another one.

        Args:
            streams: Which are looked at; none stands for all.

        Raises:
            ArchiveError: When another one takes more than a few seconds.
        """
        newest = {stream: await self._last(stream) for stream in streams or self._streams}
        for stream, last in newest.items():
            if last:
                await self._complete(stream, last)

    def has_written(self, entry_id: str | None) -> bool:
        """Say whether this drain archived an entry, as far as it remembers."""
        return entry_id in self._latest

    async def waiting(self) -> int:
        """Count the entries that wait."""
        return sum([await self._run(_outbox.length(stream)) for stream in self._streams])

    async def _last(self, stream: str) -> int:
        """Tell how far a stream goes now: what others append meanwhile has no end."""
        _, newest = await self._run(_outbox.ends(stream))
        return newest.position if newest else 0

    async def _waits(self, stream: str, last: int) -> bool:
        oldest, _ = await self._run(_outbox.ends(stream))
        return oldest is not None and oldest.position <= last

    async def _complete(self, stream: str, last: int) -> None:
        await self._drain(stream, last)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while last and await self._waits(stream, last):
            if time.monotonic() > deadline:
                raise ArchiveError(f"{stream}: what another process took is not archived yet")
            await asyncio.sleep(POLL_SECONDS)
            await self._drain(stream, last)

    async def _drain(self, stream: str, last: int) -> int:
        """Archive what waits up to a position, one caller after the other."""
        asked_at = time.monotonic()
        async with self._alone[stream]:
            went_at, told = self._went
            if went_at > asked_at:
                # Not each in line is to find that out for itself: a database may hang.
                raise ArchiveUnavailableError(told)
            # Who was in line before may have brought all of it there.
            return await self._move(stream, last) if await self._waits(stream, last) else 0

    async def _move(self, stream: str, last: int) -> int:
        for _ in range(_TIMES_EMPTIED):
            try:
                return await self._move_grouped(stream, last)
            except StoreReplyError as error:
                if "NOGROUP" not in str(error):
                    raise
            # Redis was emptied, and its consumer groups with it.
            self._grouped.discard(stream)
        return await self._move_grouped(stream, last)

    async def _move_grouped(self, stream: str, last: int) -> int:
        moved = 0
        await self._make_group(stream)
        for plan in (
            _outbox.read_own(stream, self._consumer, COUNT),
            _outbox.take_over(stream, self._consumer, COUNT, TAKE_OVER_MS),
            _outbox.read_new(stream, self._consumer, COUNT),
        ):
            while entries := await self._run(plan):
                moved += await self._archive_or_park(stream, entries)
                if entries[-1].position >= last:
                    break
        return moved

    async def _archive_or_park(self, stream: str, entries: Sequence[OutboxEntry]) -> int:
        """Bring entries where they go, off the stream; tells how many were archived."""
        read, parked = _read(entries)
        parked += await self._write(read)
        odd = {entry_id for entry_id, _ in parked}
        if archived := [entry.id for entry in entries if entry.id not in odd]:
            self._latest.extend(archived)
            await self._run(_outbox.settle(stream, archived))
        for entry_id, why in parked:
            await self._park(stream, entry_id, why)
        return len(archived)

    async def _write(self, entries: Sequence[_Read]) -> list[_Parked]:
        """Write entries; gives those that the database can't hold, found by halving."""
        if not entries:
            return []
        try:
            if await self._archive.write([entry for _, entry in entries]):
                self._on_ahead()
        except UnarchivableError as error:
            if len(entries) == 1:
                return [(entries[0][0], str(error))]
            half = len(entries) // 2
            return await self._write(entries[:half]) + await self._write(entries[half:])
        except ArchiveUnavailableError as error:
            self._went = (time.monotonic(), str(error))
            raise
        return []

    async def _park(self, stream: str, entry_id: str, why: str) -> None:
        if await self._run(_outbox.park(stream, entry_id, why)):
            logger.error(
                "[ARCHIVE] Entry %s of %s can't be archived and was moved to %s: %s",
                *(entry_id, stream, parked_stream(stream), why),
            )

    async def _make_group(self, stream: str) -> None:
        if stream in self._grouped:
            return
        try:
            await self._run(_outbox.create_group(stream))
        except StoreReplyError as error:
            if "BUSYGROUP" not in str(error):
                raise
        self._grouped.add(stream)


def _read(entries: Sequence[OutboxEntry]) -> tuple[list[_Read], list[_Parked]]:
    """Read entries, but for those that were deleted; gives those apart that can't be read."""
    read: list[_Read] = []
    unreadable: list[_Parked] = []
    for entry in entries:
        try:
            if entry.fields:
                read.append((entry.id, incoming.read(entry)))
        except UnarchivableError as error:
            unreadable.append((entry.id, str(error)))
    return read, unreadable
