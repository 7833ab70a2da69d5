"""What callers see when the database fails: our errors, no secret, and nothing when it is back."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from support.archives import MS, batch, opened, raws, rows, using
from support.postgres import PASSWORD, PostgresServer, running_postgres

from openta_memory import errors
from openta_memory.archive import Archive, engines, failures

SECRET = "hunter3"


@pytest.fixture(scope="module")
def own_postgres() -> Iterator[PostgresServer]:
    """A cluster that tests may restart."""
    with running_postgres() as server:
        yield server


async def refusal(url: str) -> errors.ArchiveError:
    archive = Archive(url)
    try:
        await archive.ping()
    except errors.ArchiveError as error:
        shown = "".join(traceback.format_exception(error))
        assert SECRET not in shown
        assert PASSWORD not in shown
        return error
    finally:
        await archive.aclose()
    raise AssertionError("it was not refused")


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_postgresql_that_restarted_between_two_calls_goes_unnoticed(
    own_postgres: PostgresServer, mode: str
) -> None:
    async def work(archive: Archive) -> None:
        # Given an archive with several pooled connections
        await asyncio.gather(*(archive.write([batch(n, of=f"c{n}")]) for n in range(1, 6)))
        # When the server restarts
        await asyncio.to_thread(own_postgres.restart, mode)
        # Then the next calls succeed, all at once
        await asyncio.gather(*(archive.write([batch(n)]) for n in range(1, 6)))
        snapshot = await archive.snapshot("c", None)
        assert snapshot is not None
        assert snapshot.records == raws([batch(n) for n in range(1, 6)])

    using(own_postgres.new_database(), work)


def test_a_connection_lost_inside_a_transaction_is_tried_once_more(
    own_postgres: PostgresServer,
) -> None:
    async def work(archive: Archive) -> int:
        calls = 0

        async def lost_once(connection: object) -> None:
            nonlocal calls
            calls += 1
            await transactions_ping(connection)
            if calls == 1:
                # When the server ends all sessions while the transaction runs
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                end += " WHERE pid <> pg_backend_pid()"
                await asyncio.to_thread(own_postgres.psql, end)
            await transactions_ping(connection)

        await archive._transactions.run(lost_once)
        return calls

    assert using(own_postgres.new_database(), work) == 2


async def transactions_ping(connection: object) -> None:
    await connection.exec_driver_sql("SELECT 1")  # type: ignore[attr-defined]


def test_a_wrong_password_is_our_error_without_the_password(
    shared_postgres: PostgresServer,
) -> None:
    error = asyncio.run(refusal(shared_postgres.url(password=SECRET)))
    assert isinstance(error, errors.ArchiveUnavailableError)
    assert f"postgresql://postgres@127.0.0.1:{shared_postgres.port}/postgres" in str(error)


@pytest.mark.parametrize(
    "form",
    ["postgresql://me:{0}@127.0.0.1:{1}/db", "postgres://127.0.0.1:{1}/db?user=me&password={0}"],
)
def test_an_unreachable_database_is_named_without_its_password(form: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = form.format(SECRET, closed.getsockname()[1])
        error = asyncio.run(refusal(url))
    assert isinstance(error, errors.ArchiveUnavailableError)
    assert isinstance(error, ConnectionError)
    assert "DATABASE_URL" in str(error)


def test_a_database_that_hangs_is_told_as_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        # Given something that takes connections and never answers
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            monkeypatch.setattr(engines, "CONNECT_SECONDS", 2)
            error = await refusal(f"postgresql://me:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/d")
            assert isinstance(error, errors.ArchiveUnavailableError)

    asyncio.run(work())


def test_a_transaction_that_takes_too_long_is_given_up(url: str) -> None:
    async def work(archive: Archive) -> None:
        with pytest.raises(errors.ArchiveUnavailableError, match="in time"):
            await archive._transactions.run(lambda _: asyncio.sleep(5), seconds=0.2)
        # And the archive goes on
        await archive.write([batch(1)])

    using(url, work)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        f"mysql://me:{SECRET}@host/db",
        f"postgresql+asyncpg://me:{SECRET}@host/db",
        f"postgresql://me:{SECRET}@host:port/db",
        "sqlite://",
        "sqlite:///:memory:",
        "",
    ],
)
def test_a_url_of_no_archive_is_refused_at_once_without_quoting_it(url: str) -> None:
    with pytest.raises(errors.ArchiveError, match=r"write sqlite:///path or postgresql://") as told:
        Archive(url)
    assert SECRET not in "".join(traceback.format_exception(told.value))


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.db"
    file.write_text("these are my notes, and not a database at all " * 50)
    error = asyncio.run(refusal(f"sqlite:///{file}"))
    assert "not a database" in str(error)
    assert file.read_text().startswith("these are my notes")


def test_a_directory_that_cant_be_made_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = asyncio.run(refusal(f"sqlite:///{tmp_path}/file/archive.db"))
    assert isinstance(error, errors.ArchiveUnavailableError)


def test_a_locked_file_is_unavailable_and_free_again_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_SECONDS", 0.3)
    url = f"sqlite:///{tmp_path}/archive.db"

    async def work(archive: Archive) -> None:
        await archive.write([batch(1)])
        # Given another program that holds the file
        other = sqlite3.connect(tmp_path / "archive.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        # Then writes say so, and reads go on
        with pytest.raises(errors.ArchiveUnavailableError, match="locked"):
            await archive.write([batch(2)])
        assert await archive.snapshot("c", None) is not None
        other.execute("ROLLBACK")
        other.close()
        await archive.write([batch(2)])

    using(url, work)


def test_a_refusal_never_quotes_what_was_said(url: str) -> None:
    async def work(archive: Archive) -> None:
        async with archive._engine.begin() as connection:
            await connection.exec_driver_sql("DROP VIEW conversation_messages")
            await connection.exec_driver_sql("DROP TABLE messages")
            await connection.exec_driver_sql("CREATE TABLE messages (conversation_id text)")
        with pytest.raises(errors.ArchiveError) as told:
            await archive.write([batch(1)])
        shown = "".join(traceback.format_exception(told.value))
        assert "question 1" not in shown

    using(url, work)


def test_building_does_no_io(tmp_path: Path) -> None:
    Archive(f"sqlite:///{tmp_path}/new/archive.db")
    Archive("postgresql://me:pw@127.0.0.1:1/db")
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_was_handed_in_stays_open(url: str) -> None:
    async def work() -> None:
        # Given the caller's own engine, without any setting of ours
        if url.startswith("sqlite"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir()
        engine = create_async_engine(engines.parse(url))
        # When an archive used it and was closed
        async with opened(engine) as archive:
            await asyncio.gather(*(archive.write([batch(n), batch(1)]) for n in range(1, 5)))
            await archive.purge(MS + 1000)
            assert await rows(archive, "SELECT * FROM messages") == []
            await archive.write([batch(1)])
        # Then it is as open as before
        async with engine.connect() as connection:
            found = await connection.exec_driver_sql("SELECT count(*) FROM messages")
            assert found.scalar_one() == 2
        assert engine.pool.checkedin() >= 1  # type: ignore[attr-defined]
        await engine.dispose()

    asyncio.run(work())


def test_the_files_directory_is_made_and_the_file_can_be_read_while_written(tmp_path: Path) -> None:
    async def work(archive: Archive) -> None:
        assert await rows(archive, "PRAGMA journal_mode") == [{"journal_mode": "wal"}]
        assert await rows(archive, "PRAGMA foreign_keys") == [{"foreign_keys": 1}]
        await archive.ping()

    using(f"sqlite:///{tmp_path}/a/b/archive.db", work)


@pytest.mark.parametrize("missing", ["sqlalchemy", "aiosqlite", "psycopg"])
def test_a_package_that_is_missing_names_the_pip_line(missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from openta_memory import MissingExtraError
import openta_memory.archive as archive
try:
    archive.Archive("{"postgresql://h/d" if missing == "psycopg" else "sqlite:///x.db"}")
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert 'pip install "openta-memory[archive]"' in done.stdout


def test_every_failure_is_an_error_of_ours() -> None:
    for failure in failures.DATABASE_FAILURES:
        ours = failures.from_database(failure("why"), database="sqlite:///x")
        assert isinstance(ours, errors.ArchiveError)
        assert "sqlite:///x" in str(ours)
