"""A loop of its own for the archive, so that sync and async callers on any loop share one.

Database connections belong to the event loop that opened them; this one lives in a thread for as
long as the memory does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from openta_memory.errors import MemoryClosedError, OpenTAMemoryError

T = TypeVar("T")

_END_SECONDS = 0.1
# How long what drivers still do behind, such as closing a connection, may take at the end.
_REST_SECONDS = 1.0


async def end(tasks: Iterable[asyncio.Task[Any] | None]) -> None:
    """Cancel tasks until they have ended.

    A driver may tell that it was cancelled as a failure of its own, and our loops go on behind
    failures.
    """
    alive = {task for task in tasks if task and not task.done()}
    while alive:
        for task in alive:
            task.cancel()
        _, alive = await asyncio.wait(alive, timeout=_END_SECONDS)


class LoopThread:
    """An event loop in a daemon thread, from when it is first needed until it is closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._calls: set[asyncio.Task[Any] | None] = set()

    @property
    def is_running(self) -> bool:
        """Say whether anything was submitted since it was made."""
        return self._loop is not None

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the loop; wait for its result with `result()`.

        It ends in a MemoryClosedError when the loop is closed before it is done.
        """
        # Nothing gets behind the end of a loop, where nobody would ever run it.
        with self._lock:
            if not self._is_closed:
                return asyncio.run_coroutine_threadsafe(self._call(coroutine), self._started())
        coroutine.close()
        refused: Future[T] = Future()
        refused.set_exception(_closed())
        return refused

    async def end_calls(self) -> None:
        """End all that was submitted and is not done; for what is run by `close`."""
        await end(self._calls)

    def close(self, last: Coroutine[Any, Any, None]) -> None:
        """Take nothing more, run the last coroutine, and stop the loop and its thread."""
        with self._lock:
            self._is_closed = True
            loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            last.close()
            return
        try:
            asyncio.run_coroutine_threadsafe(last, loop).result()
        finally:
            asyncio.run_coroutine_threadsafe(_wind_up(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="openta-archive", daemon=True
            )
            self._thread.start()
        return self._loop

    async def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()
        self._calls.add(task)
        try:
            return await coroutine
        except (asyncio.CancelledError, OpenTAMemoryError):
            if task and task.cancelling():
                raise _closed() from None
            raise
        finally:
            self._calls.discard(task)


async def _wind_up() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        await asyncio.wait(rest, timeout=_REST_SECONDS)
    await end(rest)
    await asyncio.get_running_loop().shutdown_asyncgens()


def _closed() -> MemoryClosedError:
    return MemoryClosedError("the memory was closed meanwhile")
