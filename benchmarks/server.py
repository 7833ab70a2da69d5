"""A throw-away redis-server: a free loopback port, its own directory, nothing kept."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import redis

HOST = "127.0.0.1"
START_SECONDS = 10.0


class RedisServer:
    """A running server, and the benchmark's own way to look into it.

    Attributes:
        port: Where it listens on loopback.
        url: The same as a Redis URL.
        control: A client that no measurement is made on.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"redis://{HOST}:{port}"
        self.control: Any = redis.Redis(host=HOST, port=port)

    def empty(self) -> None:
        """Remove all keys, and the connections that an earlier theme left open."""
        self.control.flushall()
        self.control.client_kill_filter(_type="normal", skipme=True)

    def info(self, section: str) -> dict[str, Any]:
        """Read a section of INFO."""
        found: dict[str, Any] = self.control.info(section)
        return found

    def bytes_of(self, session_id: str) -> int:
        """Add up the memory of all keys that hold a conversation."""
        keys = self.control.scan_iter(match=f"*:{session_id}*", count=1000)
        return sum(self.control.memory_usage(key, samples=0) for key in keys)


@contextmanager
def throw_away() -> Iterator[RedisServer]:
    """Start a server, and end it and its directory afterwards."""
    binary = shutil.which("redis-server")
    if binary is None:
        sys.exit("redis-server is not installed (on Debian: apt-get install redis-server)")
    port = free_port()
    with TemporaryDirectory(prefix="openta-bench-") as directory:
        address = ("--bind", HOST, "--port", str(port), "--dir", directory)
        process = subprocess.Popen(
            [binary, *address, "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(process, port)
            yield RedisServer(port)
        finally:
            process.terminate()
            process.wait(START_SECONDS)


def free_port() -> int:
    """Find a loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection((HOST, port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"redis-server did not start on port {port}")
