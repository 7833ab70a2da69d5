"""Entries for the archive, and archives that are closed whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from openta_memory.archive import Archive, Batch
from openta_memory.codec import JSONCodec

T = TypeVar("T")

MS = 1_700_000_000_000
AT = MS * 1_000_000


def record(message: BaseMessage, at_ms: int = MS) -> bytes:
    return JSONCodec().encode("c", message, new_id="unnamed", now_ms=at_ms)


def turn(number: int) -> list[BaseMessage]:
    return [
        HumanMessage(f"question {number}", id=f"q{number}"),
        AIMessage(f"answer {number}", id=f"a{number}"),
    ]


def batch(
    number: int,
    messages: list[BaseMessage] | None = None,
    *,
    of: str = "c",
    owner: str | None = None,
    first: int | None = None,
) -> Batch:
    """Give the batch of turn `number`, counted from 1, as the outbox would hold it."""
    messages = turn(number) if messages is None else messages
    first = number * 2 - 1 if first is None else first
    raw = [record(message, MS + number) for message in messages]
    return Batch(of, owner, MS + number, AT + number * 1_000_000, tuple(enumerate(raw, first)))


def raws(batches: list[Batch]) -> tuple[tuple[int, bytes], ...]:
    return tuple(record for one in batches for record in one.records)


@asynccontextmanager
async def opened(url: str | AsyncEngine) -> AsyncIterator[Archive]:
    archive = Archive(url)
    try:
        await archive.open()
        yield archive
    finally:
        await archive.aclose()


def using(url: str, work: Callable[[Archive], Awaitable[T]]) -> T:
    """Do the work on an archive that is open."""

    async def run() -> T:
        async with opened(url) as archive:
            return await work(archive)

    return asyncio.run(run())


async def rows(archive: Archive, query: str, **values: Any) -> list[dict[str, Any]]:
    """Ask the database itself, as a user with SQL would."""
    async with archive._engine.connect() as connection:
        found = await connection.execute(text(query), values)
        return [dict(row) for row in found.mappings()]
