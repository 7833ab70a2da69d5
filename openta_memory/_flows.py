"""What a memory does in several steps, written once for sync and async callers.

A flow is a generator: it gives a step, a plan for Redis or a call of the archive, and is sent the
step's result. Without an archive, every flow is one plan.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.messages import BaseMessage

from openta_memory._commands import Plan
from openta_memory._plans import Plans, counted
from openta_memory._records import Appended, Metadata, Trimmed, Window
from openta_memory.errors import ArchiveUnavailableError, SettingsError
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
            except ArchiveUnavailableError as error:
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
            except ArchiveUnavailableError as error:
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
        appended: Appended = yield self.plans.append(session_id, messages, owner=owner, token=token)
        if appended.cold:
            yield from self._restore(session_id)
            appended = yield self.plans.append(
                session_id, messages, owner=owner, token=token, asked=True
            )
        yield from self._acknowledge()
        return appended

    def window_then_append(
        self,
        session_id: str,
        messages: Sequence[BaseMessage],
        owner: str | None,
        token: str | None,
    ) -> Flow[tuple[Window, Appended]]:
        """Read, then append; what Redis forgot is restored before."""
        plan = self.plans.window_then_append(session_id, messages, owner=owner, token=token)
        window, appended = yield plan
        if appended.cold:
            yield from self._restore(session_id)
            window, appended = yield self.plans.window_then_append(
                session_id, messages, owner=owner, token=token, asked=True
            )
        yield from self._acknowledge()
        return window, appended

    def window(self, session_id: str, limit: int | None, owner: str | None) -> Flow[Window]:
        """Read; what Redis forgot is restored before."""
        plan = self.plans.window(session_id, limit=limit, owner=owner)
        window: Window = yield plan
        if _is_lost(window.metadata) and (yield from self._restore(session_id)):
            window = yield plan
        return window

    def metadata(
        self, session_id: str, owner: str | None, own_ttl: int | None, *, surely: bool = False
    ) -> Flow[Metadata | None]:
        """Look a conversation up; what Redis forgot is restored before.

        Where the archive can't be asked, what Redis has is all there is, unless it must be known
        `surely`.
        """
        plan = self.plans.metadata(session_id, owner=owner, own_ttl=own_ttl)
        found: Metadata | None = yield plan
        if _is_lost(found) and (yield from self._restore(session_id, surely=surely)):
            found = yield plan
        return found

    def trim(self, session_id: str, keep: int, owner: str | None) -> Flow[Trimmed]:
        """Trim what Redis holds; the archive keeps all."""
        plan = self.plans.trim(session_id, keep, owner=owner)
        if self.tier is not None:
            yield from self.metadata(session_id, owner, None)
        trimmed: Trimmed = yield plan
        return trimmed

    def clear(self, session_id: str, owner: str | None) -> Flow[bool]:
        """Remove a conversation from Redis and the archive."""
        plan = self.plans.clear(session_id, owner=owner)
        if self.tier is None:
            removed: bool = yield plan
            return removed
        # Restored first, so that what only the archive has is its owner's too.
        found = yield from self.metadata(session_id, owner, None, surely=True)
        yield plan
        yield self.tier.complete
        return found is not None

    def archived(
        self, session_id: str, before: int | None, limit: int, owner: str | None
    ) -> Flow[list[tuple[int, BaseMessage]]]:
        """Page backwards through the archive."""
        counted(limit, 1, "limit")
        tier = self._archive()
        yield from self.metadata(session_id, owner, None, surely=True)
        records = yield lambda: tier.page(session_id, before, limit)
        return self.plans.numbered(session_id, records)

    def ping_archive(self) -> Flow[None]:
        """Make sure that the archive answers, where there is one."""
        if self.tier is not None:
            yield self.tier.ping

    def drain(self) -> Flow[int]:
        """Archive what waits."""
        moved: int = yield self._archive().sync
        return moved

    def _archive(self) -> ArchiveTier:
        if self.tier is None:
            raise SettingsError("there is no archive: set DATABASE_URL, or pass database=")
        return self.tier

    def _restore(self, session_id: str, *, surely: bool = False) -> Flow[bool]:
        if self.tier is None:
            return False
        tier, limit = self.tier, self.plans.max_messages or None
        try:
            snapshot = yield lambda: tier.snapshot(session_id, limit)
        except ArchiveUnavailableError as error:
            if surely:
                raise
            # The chat goes on with what Redis has; the outbox keeps what is said meanwhile.
            logger.error("[ARCHIVE] Could not look for %s: %s", encode_id(session_id), error)
            return False
        if snapshot is None:
            return False
        yield self.plans.restore(
            session_id, self.plans.whole_turns(session_id, snapshot.records), snapshot.metadata
        )
        return True

    def _acknowledge(self) -> Flow[None]:
        if self.tier is None:
            return
        self.tier.start()
        if self.tier.interval == 0:
            yield self.tier.complete


def _is_lost(found: Metadata | None) -> bool:
    """Say whether Redis lost a part of a conversation, or never had it."""
    return found is None or found.created_at is None or (found.seq > 0 and found.length == 0)
