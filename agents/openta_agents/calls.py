"""Calling a chat model with patience that ends, and one kind of error for whatever goes wrong."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, NoReturn, TypeVar

from openta_agents.errors import ModelError, OpenTAAgentError

T = TypeVar("T")

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")

# How many connections of an ended event loop are passed by.
_STALE = 100

# What to do about a provider's HTTP status; its own words may hold the question or a part of a key.
_ADVICE = {
    400: "check OPENTA_MODEL_ARGS and that the model is made for chat",
    401: "check its key",
    403: "check its key, and that it may use the model",
    404: "check the model's name and its base_url",
    429: "its limit is reached: wait, or check the account",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Calls one model.

    Attributes:
        name: What the model is called in errors.
        seconds: How long it may be silent before it is given up.
    """

    name: str
    seconds: float

    def once(self, call: Callable[[], T]) -> T:
        """Give what one call gives.

        Raises:
            ModelError: When the model fails, or is silent for too long.
        """
        return next(self.each(lambda: iter([call()])))

    async def aonce(self, call: Callable[[], Awaitable[T]]) -> T:
        """Give what one call gives; see `once`."""

        async def one() -> AsyncGenerator[T]:
            yield await call()

        async with aclosing(self.aeach(one)) as results:
            return await anext(results)

    def each(self, start: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Give what a call streams, piece by piece as they come.

        The call runs in a thread of its own, as nothing else ends the wait for a provider that
        hangs; that thread keeps no process from ending.

        Raises:
            ModelError: When the model fails, or is silent for too long.
        """
        pump = _Pump(start)
        try:
            yield from pump.pieces(self.seconds)
        except Exception as error:  # noqa: BLE001 - providers raise anything
            self._fail(error)
        finally:
            pump.stop()

    async def aeach(self, start: Callable[[], AsyncIterator[T]]) -> AsyncGenerator[T]:
        """Give what a call streams, piece by piece as they come; see `each`."""
        pieces, again = start(), _STALE
        while True:
            try:
                async with asyncio.timeout(self.seconds):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except Exception as error:  # noqa: BLE001 - providers raise anything
                if not (again and _is_stale(error)):
                    self._fail(error)
                pieces, again = start(), again - 1
                continue
            again = 0
            try:
                yield piece
            except GeneratorExit:
                await _close(pieces)
                raise

    def nothing(self) -> ModelError:
        """Make the error of an answer without a word."""
        return ModelError(f"the model {self.name} answered nothing: ask again, or in other words")

    def _fail(self, error: Exception) -> NoReturn:
        if isinstance(error, OpenTAAgentError):
            raise error
        # Without its cause: a provider's own words may hold the question or a part of a key.
        raise ModelError(f"the model {self.name} {self._reason(error)}") from None

    def _reason(self, error: Exception) -> str:
        kind = type(error).__name__
        if isinstance(error, TimeoutError | Empty) or "Timeout" in kind:
            return f"was silent for {self.seconds:g} s: try again, or raise OPENTA_MODEL_SECONDS"
        if "Connect" in kind:
            return f"can't be reached ({kind}): check that it runs, and its base_url"
        status = getattr(error, "status_code", None)
        known = _ADVICE.get(status, "") if isinstance(status, int) else ""
        told = [kind, *([f"HTTP {status}"] if isinstance(status, int) else []), *_code(error)]
        return f"failed ({', '.join(told)}): {known or 'try again, or check OPENTA_MODEL_ARGS'}"


class _Pump(Generic[T]):
    """Draws from an iterator in a thread of its own."""

    def __init__(self, start: Callable[[], Iterator[T]]) -> None:
        self._drawn: SimpleQueue[_Piece[T] | Exception | None] = SimpleQueue()
        self._stopped = Event()
        run = copy_context().run
        Thread(target=run, args=(self._draw, start), name="openta-model", daemon=True).start()

    def pieces(self, seconds: float) -> Iterator[T]:
        """Give the pieces drawn; raise what the iterator raised, or Empty after the seconds."""
        while drawn := self._drawn.get(timeout=seconds):
            if isinstance(drawn, Exception):
                raise drawn
            yield drawn.value

    def stop(self) -> None:
        """Draw no more."""
        self._stopped.set()

    def _draw(self, start: Callable[[], Iterator[T]]) -> None:
        try:
            for piece in start():
                self._drawn.put(_Piece(piece))
                if self._stopped.is_set():
                    return
            self._drawn.put(None)
        except Exception as error:  # noqa: BLE001 - it is raised where pieces are read
            self._drawn.put(error)


@dataclass(frozen=True, slots=True)
class _Piece(Generic[T]):
    value: T


def _is_stale(error: Exception) -> bool:
    """Say whether a provider used a connection of an event loop that has ended.

    Some keep their connections for the whole process; each of these errors drops one.
    """
    return isinstance(error, RuntimeError) and str(error) == "Event loop is closed"


async def _close(pieces: AsyncIterator[T]) -> None:
    if isinstance(pieces, AsyncGenerator):
        await pieces.aclose()


def _code(error: Exception) -> list[str]:
    """Give a provider's short code of an error, such as context_length_exceeded."""
    code = getattr(error, "code", None)
    return [code] if isinstance(code, str) and _CODE.fullmatch(code) else []
