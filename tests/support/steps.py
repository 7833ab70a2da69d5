"""A drain that something happens to at one of its steps."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import pytest

from openta_memory import ConversationMemory, _outbox
from openta_memory._commands import Plan
from openta_memory.archive import Archive, drain, writer

STEPS = {
    "read": "after entries were taken off the stream, before they are written",
    "written": "inside the transaction, all written and nothing committed",
    "committed": "after the transaction, before the acknowledgement",
    "settled": "after the acknowledgement",
}
each_step = pytest.mark.parametrize("step", STEPS)

# So small that a drain takes each step several times.
COUNT = 3


class At:
    """Calls something when a step is taken the given time, counted from 1, and never again."""

    def __init__(self, time: int, what: Callable[[], None]) -> None:
        self._left = time
        self._what = what

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._what()


def strike(patch: pytest.MonkeyPatch, step: str, at: At) -> None:
    """Let `at` happen whenever a drain of this process takes a step."""
    archive_write, apply, settle = Archive.write, writer.write, _outbox.settle

    async def archive(self: Archive, entries: Sequence[Any]) -> None:
        if step == "read":
            at()
        await archive_write(self, entries)
        if step == "committed":
            at()

    async def write(connection: Any, entries: Sequence[Any]) -> None:
        await apply(connection, entries)
        if step == "written":
            at()

    def settled(stream: str, ids: Sequence[str]) -> Plan[int]:
        plan = settle(stream, ids)

        def read(replies: list[Any]) -> int:
            if step == "settled":
                at()
            return plan.read(replies)

        return Plan(plan.commands, read)

    patch.setattr(Archive, "write", archive)
    patch.setattr(writer, "write", write)
    patch.setattr(_outbox, "settle", settled)
    patch.setattr(drain, "COUNT", COUNT)


def drain_until_killed(
    memory: ConversationMemory, _: str, __: Connection, *, step: str, time: int
) -> None:
    """Drain, and be killed at a step."""
    with pytest.MonkeyPatch.context() as patch:
        strike(patch, step, At(time, lambda: os.kill(os.getpid(), signal.SIGKILL)))
        memory.drain()


def drain_for_ever(
    memory: ConversationMemory, _: str, __: Connection, *, count: int, take_over_ms: int
) -> None:
    """Drain, in batches of `count`, until somebody ends it."""
    drain.COUNT, drain.TAKE_OVER_MS = count, take_over_ms
    while True:
        memory.drain()
