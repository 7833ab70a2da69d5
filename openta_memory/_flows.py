"""What a memory does, as flows.

Without an archive, every flow is one plan. With one, a flow goes through Redis, and past it while
it is away.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import BaseMessage

from openta_memory import _owned, _reload
from openta_memory._commands import Plan
from openta_memory._plans import Asked
from openta_memory._records import Appended, Health, Metadata, Prepared, Trimmed, Window
from openta_memory._restoring import Restoring, new_name
from openta_memory._spelling import counted
from openta_memory._steps import Flow
from openta_memory.errors import (
    ArchiveError,
    ArchiveUnavailableError,
    MemoryClosedError,
    SettingsError,
    StoreError,
    StoreUnavailableError,
)
from openta_memory.keys import encode_id

if TYPE_CHECKING:
    from openta_memory.archive.tier import ArchiveTier

logger = logging.getLogger("openta_memory")

T = TypeVar("T")

_AT_ONCE = 200


class Flows(Restoring):
    """The flows of one memory."""

    def append(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        owner: str | None,
        token: str | None,
    ) -> Flow[Appended]:
        """Append; what Redis forgot is restored before."""
        batch = self.plans.prepare(session_id, messages, token)
        return (yield from self._append(session_id, batch, owner))

    def window_then_append(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        owner: str | None,
        token: str | None,
    ) -> Flow[tuple[Window, Appended]]:
        """Read, then append; what Redis forgot is restored before."""
        batch = self.plans.prepare(session_id, messages, token)

        def past(tier: ArchiveTier) -> Flow[tuple[Window, Appended]]:
            window = yield from self._window_past(tier, session_id, None, owner)
            appended = yield from self._append_past(tier, session_id, batch, owner)
            return window, appended

        return (
            yield from self._either(
                lambda: self._window_then_append(session_id, batch, owner), past
            )
        )

    def window(self, session_id: str, limit: int | None, owner: str | None) -> Flow[Window]:
        """Read; what Redis forgot is restored before."""
        name = new_name()
        plan = self.plans.window(session_id, limit=limit, owner=owner, name=name)
        return (
            yield from self._either(
                lambda: self._window(session_id, plan, name, limit, owner),
                lambda tier: self._window_past(tier, session_id, limit, owner),
            )
        )

    def metadata(
        self, session_id: str, owner: str | None, own_ttl: int | None = None
    ) -> Flow[Metadata | None]:
        """Look a conversation up; what Redis forgot is restored before.

        Where the archive can't be asked, what Redis has is all there is. A time to live can only
        be given in Redis.
        """
        if own_ttl is not None:
            self._need_redis()
            return (yield from self._metadata(session_id, owner, own_ttl))
        return (
            yield from self._either(
                lambda: self._metadata(session_id, owner),
                lambda tier: self._metadata_past(tier, session_id, owner),
            )
        )

    def trim(self, session_id: str, keep: int, owner: str | None) -> Flow[Trimmed]:
        """Trim what Redis holds; the archive keeps all."""
        plan = self.plans.trim(session_id, keep, owner=owner)
        self._need_redis()
        if self.tier is not None:
            yield from self._metadata(session_id, owner)
        trimmed: Trimmed = yield plan
        return trimmed

    def clear(self, session_id: str, owner: str | None) -> Flow[bool]:
        """Remove a conversation from Redis and the archive."""
        token = new_name().decode()

        def past(tier: ArchiveTier) -> Flow[bool]:
            removed: bool | None = yield lambda: tier.clear(session_id, owner, token)
            if removed is None:  # Redis came back meanwhile
                return (yield from both())
            return removed

        def both() -> Flow[bool]:
            return self._either(lambda: self._clear(session_id, owner, token), past)

        return (yield from both())

    def clear_owner(self, owner: str) -> Flow[int]:
        """Remove all conversations of an owner from Redis and the archive.

        Not past Redis: what only Redis has would stay.
        """
        self._need_redis()
        found: set[str] = yield _owned.ids(self.plans.keys, owner)
        archived: set[str] = set()
        if self.tier is not None:
            tier = self.tier
            yield from self.start()
            archived = yield lambda: tier.owned(owner)
        gone = set(archived)
        ids = sorted(found | archived)
        for first in range(0, len(ids), _AT_ONCE):
            some = ids[first : first + _AT_ONCE]
            gone |= yield _owned.clear_each(self.plans, some, owner)
        yield from self._complete_clear(owner)
        return len(gone)

    def archived(
        self, session_id: str, before: int | None, limit: int, owner: str | None
    ) -> Flow[list[tuple[int, BaseMessage]]]:
        """Page backwards through the archive, with numbers."""
        records = yield from self._page(session_id, before, limit, owner)
        return self.plans.rows.numbered(session_id, records)

    def archived_window(
        self, session_id: str, before: int | None, limit: int, owner: str | None
    ) -> Flow[Window]:
        """Page backwards through the archive, with times."""
        records = yield from self._page(session_id, before, limit, owner)
        return self.plans.rows.archived(session_id, records)

    def _page(
        self, session_id: str, before: int | None, limit: int, owner: str | None
    ) -> Flow[list[tuple[int, bytes]]]:
        counted(limit, 1, "limit")
        tier = self._archive()

        def through() -> Flow[Any]:
            yield from self._metadata(session_id, owner, surely=True)
            if owner is not None:
                # Redis may have it as somebody's who came while the archive could not be asked.
                yield from self._metadata_past(tier, session_id, owner)
            return (yield lambda: tier.page(session_id, before, limit))

        def past(tier: ArchiveTier) -> Flow[Any]:
            yield from self._metadata_past(tier, session_id, owner)
            return (yield lambda: tier.page(session_id, before, limit, past_redis=True))

        records: list[tuple[int, bytes]] = yield from self._either(through, past)
        return records

    def ping_archive(self) -> Flow[None]:
        """Make sure that the archive answers, where there is one."""
        if self.tier is not None:
            yield self.tier.ping

    def health(self) -> Flow[Health]:
        """Look what can be used; a Redis that turns out to be away is gone past from now on."""
        redis = yield from self._redis_answers()
        if self.tier is None:
            return Health(redis)
        archive = True
        try:
            yield self.tier.ping
        except (ArchiveError, MemoryClosedError):
            archive = False
        try:
            waiting: int | None = (yield self.tier.waiting) if redis else None
        except (StoreError, MemoryClosedError):
            redis, waiting = False, None
        return Health(redis, archive, waiting, archives_first=self.tier.interval == 0)

    def _redis_answers(self) -> Flow[bool]:
        if self.tier is not None and self.tier.is_redis_away:
            return False
        try:
            yield _reload.ping()
        except StoreError as error:
            if self.tier is not None and isinstance(error, StoreUnavailableError):
                self.tier.redis_went(error)
            return False
        return True

    def drain(self) -> Flow[int]:
        """Archive what waits."""
        tier = self._archive()
        self._need_redis()
        moved: int = yield tier.sync
        return moved

    def start(self) -> Flow[None]:
        """Open the archive, reload what Redis missed, and begin to drain at each interval."""
        if self.tier is not None and not self.tier.is_ready:
            yield self.tier.get_ready

    def _need_redis(self) -> None:
        """Refuse what Redis alone can do, while it is away: a hung one would cost a timeout."""
        if self.tier is not None and self.tier.is_redis_away:
            raise StoreUnavailableError("Redis is away, and is being looked for: try again later")

    def _archive(self) -> ArchiveTier:
        if self.tier is None:
            raise SettingsError("there is no archive: set DATABASE_URL, or pass database=")
        return self.tier

    def _either(
        self, through: Callable[[], Flow[T]], past: Callable[[ArchiveTier], Flow[T]]
    ) -> Flow[T]:
        """Go through Redis, or past it while it is away."""
        if self.tier is None:
            return (yield from through())
        yield from self.start()
        if not self.tier.is_redis_away:
            try:
                return (yield from through())
            except StoreUnavailableError as error:
                self.tier.redis_went(error)
        try:
            return (yield from past(self.tier))
        except ArchiveUnavailableError as error:
            raise StoreUnavailableError(f"Redis is away, and so is its archive: {error}") from error

    def _append(self, session_id: str, batch: Prepared, owner: str | None) -> Flow[Appended]:
        return self._either(
            lambda: self._append_through(session_id, batch, owner),
            lambda tier: self._append_past(tier, session_id, batch, owner),
        )

    def _append_through(
        self, session_id: str, batch: Prepared, owner: str | None
    ) -> Flow[Appended]:
        def plan(archive: Asked) -> Plan[tuple[None, Appended]]:
            append = self.plans.append(session_id, batch, owner=owner, archive=archive)
            return Plan(append.commands, lambda replies: (None, append.read(replies)))

        _, appended = yield from self._until_stored(session_id, batch, plan)
        return appended

    def _window_then_append(
        self, session_id: str, batch: Prepared, owner: str | None
    ) -> Flow[tuple[Window, Appended]]:
        return self._until_stored(
            session_id,
            batch,
            lambda archive: self.plans.window_then_append(
                session_id, batch, owner=owner, archive=archive
            ),
        )

    def _append_past(
        self, tier: ArchiveTier, session_id: str, batch: Prepared, owner: str | None
    ) -> Flow[Appended]:
        appended: Appended | None = yield lambda: tier.append(session_id, owner, batch.records)
        if appended is None:  # Redis came back meanwhile
            return (yield from self._append(session_id, batch, owner))
        return appended

    def _window(
        self,
        session_id: str,
        plan: Plan[Window],
        name: bytes,
        limit: int | None,
        owner: str | None,
    ) -> Flow[Window]:
        window = yield from self._until_found(
            session_id,
            plan,
            name,
            lambda found: found.metadata,
            lambda tier: self._window_past(tier, session_id, limit, owner),
        )
        return (yield from self._reach_back(session_id, window, limit or 0))

    def _reach_back(self, session_id: str, window: Window, limit: int) -> Flow[Window]:
        """Read from the archive what a limit asks for beyond what Redis holds."""
        metadata = window.metadata
        if metadata is None or limit <= metadata.length or self.tier is None:
            return window
        if metadata.seq - metadata.trimmed <= metadata.length:
            return window
        tier = self.tier
        try:
            found = yield lambda: tier.snapshot(session_id, limit)
        except ArchiveError as error:
            tier.archive_went(error)
            return window
        if found is None or found.metadata.owner != metadata.owner:
            return window
        return self.plans.reaching_back(session_id, metadata, found.records)

    def _window_past(
        self, tier: ArchiveTier, session_id: str, limit: int | None, owner: str | None
    ) -> Flow[Window]:
        cap = self.plans.max_messages
        # One more than asked for tells whether the limit cut a turn.
        most = max(cap, limit + 1 if limit else 0) if cap else None
        found = yield lambda: tier.snapshot(session_id, most, past_redis=True)
        metadata, records = (None, ()) if found is None else (found.metadata, found.records)
        return self.plans.archived_window(session_id, metadata, records, limit=limit, owner=owner)

    def _metadata(
        self,
        session_id: str,
        owner: str | None,
        own_ttl: int | None = None,
        *,
        surely: bool = False,
    ) -> Flow[Metadata | None]:
        name = new_name()
        plan = self.plans.metadata(session_id, owner=owner, own_ttl=own_ttl, name=name)
        return self._until_found(
            session_id,
            plan,
            name,
            lambda found: found,
            lambda tier: self._metadata_past(tier, session_id, owner),
            surely=surely,
        )

    def _metadata_past(
        self, tier: ArchiveTier, session_id: str, owner: str | None
    ) -> Flow[Metadata | None]:
        return (yield from self._window_past(tier, session_id, None, owner)).metadata

    def _clear(self, session_id: str, owner: str | None, token: str) -> Flow[bool]:
        plan = self.plans.clear(session_id, owner=owner, token=token)
        if self.tier is None:
            removed: bool = yield plan
            return removed
        # Restored first, so that what only the archive has is its owner's too.
        found = yield from self._metadata(session_id, owner, surely=True)
        yield plan
        yield from self._complete_clear(session_id)
        return found is not None

    def _complete_clear(self, of: str) -> Flow[None]:
        """See a clear through; it stands on the outbox, before all that may follow it."""
        if self.tier is not None:
            try:
                yield self.tier.complete
            except ArchiveError as error:
                logger.error("[ARCHIVE] %s is cleared there later: %s", encode_id(of), error)
