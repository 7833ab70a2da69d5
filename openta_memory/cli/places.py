"""Where conversations are: the memory, its Redis and its archive, opened for one command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager

from openta_memory.cli.server import Server
from openta_memory.cli.shelf import Shelf
from openta_memory.errors import ArchiveError, SettingsError
from openta_memory.memory import ConversationMemory
from openta_memory.settings import MemorySettings


@contextmanager
def opened_memory(settings: MemorySettings) -> Iterator[ConversationMemory]:
    """Build a memory, and close it after.

    Raises:
        SettingsError: When a setting can't be used.
    """
    try:
        memory = ConversationMemory(settings=settings)
    except ArchiveError as error:
        raise SettingsError(str(error)) from None
    with closing(memory):
        yield memory


def opened_server(settings: MemorySettings) -> Server:
    """Give the Redis to look at.

    Raises:
        SettingsError: When there is none outside of this process.
    """
    if not settings.url:
        raise SettingsError("REDIS_URL: is not set, and names the Redis that this is about")
    return Server(settings)


@asynccontextmanager
async def opened_shelf(settings: MemorySettings) -> AsyncIterator[Shelf]:
    """Open the archive, and close it after.

    Raises:
        SettingsError: When there is none.
        ArchiveError: When it can't be used.
        MissingExtraError: When its packages are not installed.
    """
    if settings.database_url is None:
        raise SettingsError("there is no archive: set DATABASE_URL")
    from openta_memory.archive import Archive  # noqa: PLC0415 - an extra

    try:
        archive = Archive(settings.database_url.get_secret_value())
    except ArchiveError as error:
        raise SettingsError(str(error)) from None
    try:
        await archive.open()
        yield Shelf(archive)
    finally:
        await archive.aclose()
