"""A throw-away PostgreSQL cluster: a free port, its own directory and socket, gone afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

USER = "postgres"
PASSWORD = "hunter2"

_SETTINGS = "fsync=off synchronous_commit=off full_page_writes=off listen_addresses=127.0.0.1"
# What is committed outlives a server that is killed, though not a machine that loses power.
KEEPING = "synchronous_commit=on"


class PostgresServer:
    """One cluster on loopback, started and ended by the fixture that owns it."""

    def __init__(self, directory: Path, *settings: str) -> None:
        self.directory = directory
        self.settings = settings
        self.data = directory / "data"
        self.port = _free_port()
        self._binaries = _binaries()

    def create(self) -> PostgresServer:
        secret = self.directory / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        access = ["-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}"]
        self._run("initdb", "-D", str(self.data), *access, "-E", "UTF8", "--locale=C", "--no-sync")
        return self

    def start(self) -> PostgresServer:
        options = [f"-c {setting}" for setting in (*_SETTINGS.split(), *self.settings)]
        options += [f"-p {self.port}", f"-k {self.directory}"]
        self._control("-l", "server.log", "-o", " ".join(options), "start")
        return self

    def stop(self, mode: str = "immediate") -> None:
        self._control("-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def url(self, database: str = USER, *, password: str = PASSWORD) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database, and give its URL."""
        name = f"archive_{uuid4().hex}"
        self.psql(f"CREATE DATABASE {name}")
        return self.url(name)

    def psql(self, statement: str, database: str = USER) -> str:
        command = [str(self._binaries / "psql"), "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement]
        done = subprocess.run(
            [*command, self.url(database)], capture_output=True, text=True, check=True
        )
        return done.stdout

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "30", *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root. Its output goes to no pipe: the server would hold it.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        output = self.directory / f"{program}.log"
        with output.open("ab") as log:
            done = subprocess.run(
                [*user, str(self._binaries / program), *arguments],
                stdout=log, stderr=subprocess.STDOUT, cwd=self.directory, check=False,
            )  # fmt: skip
        if done.returncode:
            log_text = output.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{log_text}")


@contextmanager
def running_postgres(*settings: str) -> Iterator[PostgresServer]:
    """Run a new cluster; its directory is short, as a socket's path must be."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as place:
        directory = Path(place)
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        server = PostgresServer(directory, *settings).create().start()
        try:
            yield server
        finally:
            server.stop()


def _binaries() -> Path:
    """Find the directory of initdb and pg_ctl; Debian keeps it out of PATH, one a version."""
    if on_path := shutil.which("initdb"):
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    sentence = "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    if os.environ.get("CI"):
        pytest.fail(f"{sentence}; in CI that is an error")
    pytest.skip(sentence)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
