"""A throw-away PostgreSQL: a free loopback port, its own directory, its settings as it ships."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks.server import HOST, free_port

USER = "postgres"
START_SECONDS = 30.0


class PostgresServer:
    """A running server, which gives empty databases.

    Attributes:
        version: What it calls itself.
    """

    def __init__(self, port: int, password: str) -> None:
        self._address = f"postgresql://{USER}:{password}@{HOST}:{port}"
        self._numbers = count(1)
        self.version = self._ask("SHOW server_version")

    def new(self) -> str:
        """Create an empty database, and give its URL."""
        name = f"archive_{next(self._numbers)}"
        with psycopg.connect(f"{self._address}/{USER}", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"{self._address}/{name}"

    def _ask(self, question: str) -> str:
        with psycopg.connect(f"{self._address}/{USER}") as connection:
            row = connection.execute(question.encode()).fetchone()
        return str(row[0]) if row else ""


@contextmanager
def throw_away() -> Iterator[PostgresServer | None]:
    """Start a server, and end it and its directory afterwards; None where it is not installed."""
    binaries = _binaries()
    if binaries is None:
        yield None
        return
    # A socket's path must be short, and so must the directory's that it lies in.
    place = TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True)
    with place as directory, _running(binaries, Path(directory)) as server:
        yield server


@contextmanager
def _running(binaries: Path, directory: Path) -> Iterator[PostgresServer]:
    password, port = secrets.token_hex(16), free_port()
    _initialize(binaries, directory, password)
    address = ["-p", f"{port}", "-k", f"{directory}", "-c", f"listen_addresses={HOST}"]
    process = subprocess.Popen(
        [str(binaries / "postgres"), "-D", str(directory / "data"), *address],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        **_as_user(),
    )
    try:
        yield _wait(process, port, password)
    finally:
        # The quick end: nothing of it is kept.
        process.send_signal(signal.SIGQUIT)
        process.wait(START_SECONDS)


def _initialize(binaries: Path, directory: Path, password: str) -> None:
    secret = directory / "password"
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="utf-8")
    if user := _as_user().get("user"):
        for path in (directory, secret):
            shutil.chown(path, user)
    access = ["-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}"]
    done = subprocess.run(
        [str(binaries / "initdb"), "-D", str(directory / "data"), *access, "-E", "UTF8"],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        **_as_user(),
    )
    if done.returncode:
        raise RuntimeError(f"initdb ended with {done.returncode}: {done.stderr[-2000:]}")


def _as_user() -> dict[str, Any]:
    """Give the options of a child process: PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    return {"user": USER, "group": USER, "extra_groups": []}


def _binaries() -> Path | None:
    """Find the directory of initdb; Debian keeps it out of PATH, one a version."""
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def _wait(process: subprocess.Popen[bytes], port: int, password: str) -> PostgresServer:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return PostgresServer(port, password)
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start on port {port}")
