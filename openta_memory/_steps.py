"""Flows: what takes several steps, written once for sync and async callers.

A flow is a generator: it gives a step, a plan for Redis or a call of the archive, and is sent the
step's result, or thrown the error that it ended with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from openta_memory._commands import Plan
from openta_memory.errors import OpenTAMemoryError

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
                waited = run(step) if isinstance(step, Plan) else result_of(step())
                done = await waited
            except OpenTAMemoryError as error:
                step = flow.throw(error)
            else:
                step = flow.send(done)
    except StopIteration as end:
        result: T = end.value
        return result


async def result_of(future: Future[T]) -> T:
    """Wait on the running event loop for the archive, which goes on when its caller is cancelled.

    A transaction that is cancelled in its middle would cost a connection, and what is said next
    could overtake it.
    """
    loop, is_done = asyncio.get_running_loop(), asyncio.Event()

    def tell(_: Future[T]) -> None:
        # A caller that was cancelled may have closed its loop meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(is_done.set)

    future.add_done_callback(tell)
    await is_done.wait()
    return future.result()
