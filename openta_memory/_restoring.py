"""How Redis and the archive are used together: what Redis lost is asked for, and put back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import urandom
from typing import TYPE_CHECKING, Any, TypeVar

from openta_memory._commands import Plan
from openta_memory._plans import Asked, Plans
from openta_memory._records import Appended, Metadata, Prepared
from openta_memory._steps import Flow
from openta_memory.errors import ArchiveError, StoreFullError, StoreUnavailableError
from openta_memory.keys import encode_id

if TYPE_CHECKING:
    from openta_memory.archive.tier import ArchiveTier

T = TypeVar("T")

# Redis may lose what was just put back; not for ever.
_TRIES = 5


@dataclass(slots=True)
class Restoring:
    """The flows that restore, as parts of others.

    Args:
        plans: What is sent to Redis.
        tier: The archive; None where there is none.
    """

    plans: Plans
    tier: ArchiveTier | None = None

    def _until_stored(
        self, session_id: str, batch: Prepared, plan: Callable[[Asked], Plan[tuple[T, Appended]]]
    ) -> Flow[tuple[T, Appended]]:
        """Do an append until Redis has it, and the archive where that is waited for.

        Redis may lose the conversation again between any two steps; the batch stays the same.
        """
        appended: Appended
        for tried in range(_TRIES):
            found, appended = yield plan("again" if tried else "on")
            if appended.cold:
                answer, restore = yield from self._ask(session_id, batch.token, batch)
                found, appended = yield from _after(restore, plan(answer))
            if not appended.cold and (yield from self._is_safe(session_id, batch, appended)):
                return found, appended
        if appended.cold:
            raise StoreUnavailableError(f"Redis loses {encode_id(session_id)} again and again")
        raise ArchiveError(
            f"what was appended to {encode_id(session_id)} is in Redis, but the archive did not "
            "take it: see what the log says of its outbox"
        )

    def _until_found(
        self,
        session_id: str,
        plan: Plan[T],
        name: bytes,
        metadata: Callable[[T], Metadata | None],
        past: Callable[[ArchiveTier], Flow[T]],
        *,
        surely: bool = False,
    ) -> Flow[T]:
        """Do a read until it finds what the archive has, where Redis lost it.

        A Redis that can't keep it, as it is full, is gone past.
        """
        found: T = yield plan
        for _ in range(_TRIES):
            if self.tier is None or not _is_lost(metadata(found)):
                return found
            _, restore = yield from self._ask(session_id, name, surely=surely)
            if restore is None:
                return found
            try:
                found = yield from _after(restore, plan)
            except StoreFullError:
                break
        if self.tier is None or not _is_lost(metadata(found)):
            return found
        return (yield from past(self.tier))

    def _ask(
        self, session_id: str, name: bytes, batch: Prepared | None = None, *, surely: bool = False
    ) -> Flow[tuple[Asked, Plan[Appended] | None]]:
        """Ask the archive for what Redis lost; gives how that went, and what puts it back.

        Asked under the name that Redis was told, so that it takes no answer that is old by then.
        """
        if self.tier is None:
            return "asked", None
        tier, cap = self.tier, self.plans.max_messages or None
        try:
            found = yield lambda: tier.snapshot(session_id, cap)
        except ArchiveError as error:
            if surely:
                raise
            # The chat goes on with what Redis has; the outbox keeps what is said meanwhile.
            tier.archive_went(error)
            return "away", None
        if found is None:
            return "asked", None
        rows = self.plans.rows.whole_turns(session_id, found.records)
        done = None if batch is None else _number_of(batch, found.records)
        return "asked", self.plans.restore(session_id, rows, found.metadata, name, done)

    def _is_safe(self, session_id: str, batch: Prepared, appended: Appended) -> Flow[bool]:
        """Say whether an append can be acknowledged: with no interval, only what is archived."""
        if self.tier is None or self.tier.interval > 0:
            return True
        tier = self.tier
        is_safe: bool = yield lambda: tier.took(session_id, batch.records, appended.entry)
        return is_safe


def _after(first: Plan[Any] | None, plan: Plan[T]) -> Flow[T]:
    """Do a plan, behind another one in the same round trip."""
    done: T
    if first is None:
        done = yield plan
    else:
        _, done = yield first.and_then(plan)
    return done


def new_name() -> bytes:
    """Make up a name that nobody else has."""
    return b64encode(urandom(6))


def _number_of(batch: Prepared, records: Sequence[tuple[int, bytes]]) -> int | None:
    """Find a batch that was archived before Redis lost it, and its append tried again."""
    if not batch.records:
        return None
    return next((seq for seq, raw in records if raw == batch.records[-1]), None)


def _is_lost(found: Metadata | None) -> bool:
    """Say whether Redis lost a part of a conversation, or never had it."""
    return found is None or found.created_at is None or (found.seq > 0 and found.length == 0)
