"""The database gets its form once, whoever starts first, and a newer one is left alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import inspect, text
from support.archives import batch, opened, rows, using

from openta_memory import errors
from openta_memory.archive import Archive
from openta_memory.archive.migrations import MIGRATIONS
from openta_memory.archive.tables import METADATA

START = """
import asyncio, sys
from openta_memory.archive import Archive

async def main():
    archive = Archive(sys.argv[1])
    sys.stdin.readline()
    await archive.open()
    await archive.aclose()

asyncio.run(main())
"""


async def numbers(archive: Archive) -> list[int]:
    return [row["number"] for row in await rows(archive, "SELECT * FROM openta_migrations")]


def test_opening_twice_changes_nothing(url: str) -> None:
    async def work(archive: Archive) -> None:
        await archive.write([batch(1)])
        first = await rows(archive, "SELECT * FROM openta_migrations")
        await archive.open()
        async with opened(url) as other:
            assert await rows(other, "SELECT * FROM openta_migrations") == first
            assert await other.snapshot("c", None) is not None

    using(url, work)


def test_several_processes_that_start_at_once_migrate_once(url: str) -> None:
    # Given six processes that are ready to open an empty database
    command = [sys.executable, "-W", "error", "-c", START, url]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    # When all open it at once
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=60)[1] for process in processes]
    # Then each of them could, and each step was done once
    assert said == [""] * 6
    assert sorted(using(url, numbers)) == list(range(1, len(MIGRATIONS) + 1))


def test_a_database_of_a_newer_release_is_refused_and_left_as_it_is(url: str) -> None:
    newer = len(MIGRATIONS) + 1

    async def work(archive: Archive) -> None:
        async with archive._engine.begin() as connection:
            await connection.execute(
                text("INSERT INTO openta_migrations VALUES (:number, 0)"), {"number": newer}
            )
        other = Archive(url)
        with pytest.raises(errors.ArchiveError, match=rf"form is {newer}.*upgrade openta-memory"):
            await other.write([batch(1)])
        await other.aclose()
        assert await archive.snapshot("c", None) is None

    using(url, work)


def test_the_first_call_opens_an_archive_that_nobody_opened(url: str) -> None:
    async def work() -> None:
        archive = Archive(url)
        await asyncio.gather(*(archive.write([batch(1)]) for _ in range(3)))
        assert await archive.snapshot("c", None) is not None
        await archive.aclose()

    asyncio.run(work())


def test_the_tables_are_those_that_queries_expect(url: str) -> None:
    def shape(connection: Any) -> dict[str, list[tuple[str, str, bool]]]:
        found = inspect(connection)
        return {
            table: [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)]
            for table in METADATA.tables
        }

    async def work(archive: Archive) -> dict[str, list[tuple[str, str, bool]]]:
        async with archive._engine.connect() as connection:
            return await connection.run_sync(shape)

    expected = {
        name: [(c.name, str(c.type), bool(c.nullable)) for c in table.c]
        for name, table in METADATA.tables.items()
    }
    found = using(url, work)
    # SQLite tells a text primary key as nullable.
    found["conversations"][0] = (*found["conversations"][0][:2], False)
    assert found == expected
