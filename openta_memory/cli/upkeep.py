"""Keeps the archive: fills it, lists it, counts it and purges it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from openta_memory.archive.entries import Conversation
from openta_memory.cli import output
from openta_memory.cli.places import opened_memory, opened_server, opened_shelf
from openta_memory.cli.server import Server
from openta_memory.errors import ArchiveError, OpenTAMemoryError, StoreError
from openta_memory.memory import ConversationMemory
from openta_memory.settings import MemorySettings

_POLL_SECONDS = 0.2

Facts = dict[str, str | int | None]


async def drain(memory: ConversationMemory, server: Server) -> int:
    """Archive what waits, with a bar; tells how many entries that were."""
    waiting = server.waiting()
    draining = asyncio.create_task(memory.adrain())
    with output.progress("Archiving", waiting) as tell:
        while not (await asyncio.wait({draining}, timeout=_POLL_SECONDS))[0]:
            tell(max(0, waiting - server.waiting()))
    return draining.result()


def archive_what_waits(settings: MemorySettings) -> None:
    """Archive what waits, where there is a Redis outside of this process."""
    if settings.url and settings.database_url:
        with opened_server(settings) as server, opened_memory(settings) as memory:
            asyncio.run(drain(memory, server))


async def listed(settings: MemorySettings, owner: str, limit: int | None) -> list[Conversation]:
    """Read an owner's conversations, the latest appended to first."""
    async with opened_shelf(settings) as shelf:
        return await shelf.listed(owner, limit)


async def older(settings: MemorySettings, than_ms: int) -> list[str]:
    """Read the ids of conversations last appended to before a time."""
    async with opened_shelf(settings) as shelf:
        return [found async for found in shelf.ids(older_than_ms=than_ms)]


def purge(settings: MemorySettings, before_ms: int) -> int:
    """Remove conversations last appended to before a time; tells how many they were."""
    if not settings.url:
        return asyncio.run(_purge(settings, before_ms, None))
    # Once more: who was asked may have taken long to say yes.
    archive_what_waits(settings)
    with opened_server(settings) as server:
        removed = asyncio.run(_purge(settings, before_ms, server))
    # What Redis held was cleared, which the archive is told by the outbox.
    archive_what_waits(settings)
    return removed


def facts(settings: MemorySettings) -> tuple[Facts, list[OpenTAMemoryError]]:
    """Tell what Redis and the archive hold, None where there is none, and what can't be asked."""
    found: Facts = dict.fromkeys(
        ("redis", "outbox", "parked", "archive", "conversations", "messages")
    )
    failures: list[OpenTAMemoryError] = []
    asked: list[Callable[[], Facts]] = []
    if settings.url:
        asked.append(lambda: _redis_facts(settings))
    if settings.database_url:
        asked.append(lambda: asyncio.run(_archive_facts(settings)))
    for ask in asked:
        try:
            found |= ask()
        except (StoreError, ArchiveError) as error:
            failures.append(error)
    return found, failures


def _redis_facts(settings: MemorySettings) -> Facts:
    with opened_server(settings) as server:
        return {
            "redis": settings.server,
            "outbox": server.waiting(),
            "parked": server.parked(),
        }


async def _archive_facts(settings: MemorySettings) -> Facts:
    async with opened_shelf(settings) as shelf:
        counts = await shelf.archive.counts()
        return {
            "archive": shelf.archive.database,
            "conversations": counts.conversations,
            "messages": counts.messages,
        }


async def _purge(settings: MemorySettings, before_ms: int, server: Server | None) -> int:
    async def consent(conversation_ids: Sequence[str]) -> list[str]:
        if server is None:
            return list(conversation_ids)
        return await asyncio.to_thread(server.purge, conversation_ids, before_ms)

    async with opened_shelf(settings) as shelf:
        return await shelf.archive.purge(before_ms, consent=consent)
