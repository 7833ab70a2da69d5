"""The in-process Redis that serves where no REDIS_URL is set: fakeredis, Lua included."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

from openta_memory.errors import MissingExtraError

# A cache alone would let threads that come at once build one each.
_BUILDING = Lock()


class EmbeddedRedis:
    """A Redis inside this process: nothing to install or start, gone when the process ends.

    All clients of one `EmbeddedRedis` see the same data; another one starts empty.

    Raises:
        MissingExtraError: When fakeredis is not installed.
    """

    def __init__(self) -> None:
        try:
            import fakeredis  # noqa: PLC0415 - an extra
            import lupa  # type: ignore[import-untyped]  # noqa: F401, PLC0415 - as above
        except ImportError:
            raise MissingExtraError(
                "the embedded Redis is not installed: set REDIS_URL, "
                'or run: pip install "openta-memory[embedded]"'
            ) from None
        self._fakeredis = fakeredis
        self._server = fakeredis.FakeServer()

    def client(self) -> Any:
        """Build a synchronous client."""
        return self._fakeredis.FakeRedis(server=self._server)

    def async_client(self) -> Any:
        """Build an asynchronous client."""
        return self._fakeredis.FakeAsyncRedis(server=self._server)


@cache
def _shared(_: str | None) -> EmbeddedRedis:
    return EmbeddedRedis()


def of_this_process(database: str | None = None) -> EmbeddedRedis:
    """Give the one embedded Redis that this process shares.

    Args:
        database: The archive behind it. Each has its own, so that what waits for one archive does
            not get into another.
    """
    with _BUILDING:
        return _shared(database)
