"""What a memory does in several steps, written once for sync and async callers.

A flow is a generator: it gives a step, a plan for Redis or a call of the archive, and is sent the
step's result. Without an archive, every flow is one plan. With one, a flow goes through Redis, and
past it while it is away.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from os import urandom
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import BaseMessage

from openta_memory._commands import Plan
from openta_memory._plans import Asked, Plans
from openta_memory._records import Appended, Metadata, Prepared, Trimmed, Window
from openta_memory._spelling import counted
from openta_memory.errors import (
    ArchiveUnavailableError,
    OpenTAMemoryError,
    SettingsError,
    StoreUnavailableError,
)
from openta_memory.keys import encode_id

if TYPE_CHECKING:
    from openta_memory.archive.tier import ArchiveTier

logger = logging.getLogger("openta_memory")

T = TypeVar("T")

Step = Plan[Any] | Callable[[], "Future[Any]"]
Flow = Generator[Step, Any, T]


def follow(flow: Flow[T], run: Callable[[Plan[Any]], Any]) -> T:
    """Do a flow's steps, blocking; `run` sends a plan to Redis."""
    try:
        step = next(flow)
        while True:
            try:
                done = run(step) if isinstance(step, Plan) else step().result()
            except OpenTAMemoryError as error:
                step = flow.throw(error)
            else:
                step = flow.send(done)
    except StopIteration as end:
        result: T = end.value
        return result


async def afollow(flow: Flow[T], run: Callable[[Plan[Any]], Awaitable[Any]]) -> T:
    """Do a flow's steps on the running event loop; see `follow`."""
    try:
        step = next(flow)
        while True:
            try:
                waited = run(step) if isinstance(step, Plan) else asyncio.wrap_future(step())
                done = await waited
            except OpenTAMemoryError as error:
                step = flow.throw(error)
            else:
                step = flow.send(done)
    except StopIteration as end:
        result: T = end.value
        return result


@dataclass(slots=True)
class Flows:
    """The flows of one memory.

    Args:
        plans: What is sent to Redis.
        tier: The archive; None where there is none.
    """

    plans: Plans
    tier: ArchiveTier | None = None

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
        plan = self.plans.window(session_id, limit=limit, owner=owner)
        return (
            yield from self._either(
                lambda: self._window(session_id, plan),
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
        plan = self.plans.metadata(session_id, owner=owner, own_ttl=own_ttl)
        if own_ttl is not None:
            return (yield from self._metadata(session_id, plan))
        return (
            yield from self._either(
                lambda: self._metadata(session_id, plan),
                lambda tier: self._metadata_past(tier, session_id, owner),
            )
        )

    def trim(self, session_id: str, keep: int, owner: str | None) -> Flow[Trimmed]:
        """Trim what Redis holds; the archive keeps all."""
        plan = self.plans.trim(session_id, keep, owner=owner)
        if self.tier is not None:
            yield from self._metadata(session_id, self.plans.metadata(session_id, owner=owner))
        trimmed: Trimmed = yield plan
        return trimmed

    def clear(self, session_id: str, owner: str | None) -> Flow[bool]:
        """Remove a conversation from Redis and the archive."""
        token = b64encode(urandom(6)).decode()

        def past(tier: ArchiveTier) -> Flow[bool]:
            removed: bool | None = yield lambda: tier.clear(session_id, owner, token)
            if removed is None:  # Redis came back meanwhile
                return (yield from both())
            return removed

        def both() -> Flow[bool]:
            return self._either(lambda: self._clear(session_id, owner, token), past)

        return (yield from both())

    def archived(
        self, session_id: str, before: int | None, limit: int, owner: str | None
    ) -> Flow[list[tuple[int, BaseMessage]]]:
        """Page backwards through the archive."""
        counted(limit, 1, "limit")
        tier = self._archive()

        def through() -> Flow[Any]:
            plan = self.plans.metadata(session_id, owner=owner)
            yield from self._metadata(session_id, plan, surely=True)
            return (yield lambda: tier.page(session_id, before, limit))

        def past(tier: ArchiveTier) -> Flow[Any]:
            yield from self._metadata_past(tier, session_id, owner)
            return (yield lambda: tier.page(session_id, before, limit, past_redis=True))

        records = yield from self._either(through, past)
        return self.plans.numbered(session_id, records)

    def ping_archive(self) -> Flow[None]:
        """Make sure that the archive answers, where there is one."""
        if self.tier is not None:
            yield self.tier.ping

    def drain(self) -> Flow[int]:
        """Archive what waits."""
        moved: int = yield self._archive().sync
        return moved

    def start(self) -> Flow[None]:
        """Open the archive, reload what Redis missed, and begin to drain at each interval."""
        if self.tier is not None and not self.tier.is_ready:
            yield self.tier.get_ready

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
        appended: Appended = yield self.plans.append(session_id, batch, owner=owner)
        if appended.cold:
            answer, restore = yield from self._ask(session_id)
            appended = yield from _after(
                restore, self.plans.append(session_id, batch, owner=owner, archive=answer)
            )
        yield from self._acknowledge()
        return appended

    def _append_past(
        self, tier: ArchiveTier, session_id: str, batch: Prepared, owner: str | None
    ) -> Flow[Appended]:
        appended: Appended | None = yield lambda: tier.append(session_id, owner, batch.records)
        if appended is None:  # Redis came back meanwhile
            return (yield from self._append(session_id, batch, owner))
        return appended

    def _window_then_append(
        self, session_id: str, batch: Prepared, owner: str | None
    ) -> Flow[tuple[Window, Appended]]:
        plan = self.plans.window_then_append(session_id, batch, owner=owner)
        window, appended = yield plan
        if appended.cold:
            answer, restore = yield from self._ask(session_id)
            plan = self.plans.window_then_append(session_id, batch, owner=owner, archive=answer)
            window, appended = yield from _after(restore, plan)
        yield from self._acknowledge()
        return window, appended

    def _window(self, session_id: str, plan: Plan[Window]) -> Flow[Window]:
        window: Window = yield plan
        if _is_lost(window.metadata):
            _, restore = yield from self._ask(session_id)
            window = (yield from _after(restore, plan)) if restore else window
        return window

    def _window_past(
        self, tier: ArchiveTier, session_id: str, limit: int | None, owner: str | None
    ) -> Flow[Window]:
        cap = self.plans.max_messages or None
        found = yield lambda: tier.snapshot(session_id, cap, past_redis=True)
        metadata, records = (None, ()) if found is None else (found.metadata, found.records)
        return self.plans.archived_window(session_id, metadata, records, limit=limit, owner=owner)

    def _metadata(
        self, session_id: str, plan: Plan[Metadata | None], *, surely: bool = False
    ) -> Flow[Metadata | None]:
        found: Metadata | None = yield plan
        if _is_lost(found):
            _, restore = yield from self._ask(session_id, surely=surely)
            found = (yield from _after(restore, plan)) if restore else found
        return found

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
        look = self.plans.metadata(session_id, owner=owner)
        found = yield from self._metadata(session_id, look, surely=True)
        yield plan
        try:
            yield self.tier.complete
        except ArchiveUnavailableError as error:
            logger.error("[ARCHIVE] %s is cleared there later: %s", encode_id(session_id), error)
        return found is not None

    def _ask(
        self, session_id: str, *, surely: bool = False
    ) -> Flow[tuple[Asked, Plan[Appended] | None]]:
        """Ask the archive for what Redis lost; gives how that went, and what puts it back."""
        if self.tier is None:
            return "asked", None
        tier, cap = self.tier, self.plans.max_messages or None
        try:
            found = yield lambda: tier.snapshot(session_id, cap)
        except ArchiveUnavailableError as error:
            if surely:
                raise
            # The chat goes on with what Redis has; the outbox keeps what is said meanwhile.
            tier.archive_went(error)
            return "away", None
        if found is None:
            return "asked", None
        rows = self.plans.whole_turns(session_id, found.records)
        return "asked", self.plans.restore(session_id, rows, found.metadata)

    def _acknowledge(self) -> Flow[None]:
        if self.tier is not None and self.tier.interval == 0:
            yield self.tier.complete


def _after(first: Plan[Any] | None, plan: Plan[T]) -> Flow[T]:
    """Do a plan, behind another one in the same round trip."""
    done: T
    if first is None:
        done = yield plan
    else:
        _, done = yield first.and_then(plan)
    return done


def _is_lost(found: Metadata | None) -> bool:
    """Say whether Redis lost a part of a conversation, or never had it."""
    return found is None or found.created_at is None or (found.seq > 0 and found.length == 0)
