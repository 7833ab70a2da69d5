"""Processes of their own that write to or watch a conversation, ended by their handle."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

import openta_memory
from openta_memory import ConversationMemory
from support.turns import make_turn, split_turns

TESTS = Path(__file__).resolve().parents[1]
LIBRARY = Path(openta_memory.__file__).resolve().parents[1]
WAIT_SECONDS = 60


@cache
def _processes() -> ForkServerContext:
    """Start the server that imports the library once and forks processes in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", child_environment()["PYTHONPATH"])
        forkserver.ensure_running()
    return context


class Process:
    """One child with a memory of its own: it says when it is ready and starts at a word.

    Args:
        what: `write` or `watch`.
        url: The Redis.
        session_id: The conversation.
        max_messages: The cap.
        options: What the function named by `what` takes besides.
    """

    def __init__(
        self, what: str, url: str, session_id: str, *, max_messages: int = 50, **options: Any
    ) -> None:
        self._line, theirs = _processes().Pipe()
        self._child = _processes().Process(
            target=_run, args=(theirs, what, (url, max_messages), session_id, options)
        )
        self._child.start()
        theirs.close()

    def wait_ready(self) -> None:
        """Wait until it is connected."""
        assert self.result() == "ready"

    def go(self) -> None:
        """Start it."""
        self._line.send("go")

    def stop(self) -> None:
        """Ask a watcher, which runs until it is told, to stop."""
        self._line.send("stop")

    def kill(self) -> None:
        """End it with SIGKILL, wherever it is."""
        self._child.kill()
        self._child.join(10)

    def close(self) -> None:
        """End it if it still runs, and let go of it."""
        self.kill()
        self._child.close()
        self._line.close()

    def result(self) -> Any:
        """Give what it found out; its failure is on stderr, and fails the test here."""
        assert self._line.poll(WAIT_SECONDS), "the process says nothing"
        return self._line.recv()


@contextmanager
def started(processes: list[Process]) -> Iterator[None]:
    """Start all at once when all are ready; end all in the end."""
    try:
        for process in processes:
            process.wait_ready()
        for process in processes:
            process.go()
        yield
    finally:
        for process in processes:
            process.close()


def child_environment() -> dict[str, str]:
    """Give an environment in which a child interpreter imports this library and these helpers."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(LIBRARY), str(TESTS)))}


def write(memory: ConversationMemory, session_id: str, _: Connection, **of: int) -> int:
    """Append turns one after the other."""
    history = memory.history(session_id)
    for number in range(of["turns"]):
        history.add_messages(make_turn(of["writer"], number))
    return of["turns"]


def watch(memory: ConversationMemory, session_id: str, line: Connection, *, cap: int) -> int:
    """Read until told to stop; every read holds whole turns and is no longer than the cap."""
    reads = 0
    while not line.poll():
        messages = memory.history(session_id).messages
        assert len(messages) <= cap, f"{len(messages)} messages with a cap of {cap}"
        reads += bool(split_turns(messages))
    return reads


def _run(
    line: Connection, what: str, of: tuple[str, int], session_id: str, options: dict[str, Any]
) -> None:
    memory = ConversationMemory(redis_url=of[0], ttl=3600, max_messages=of[1])
    memory.ping()
    line.send("ready")
    line.recv()
    line.send({"write": write, "watch": watch}[what](memory, session_id, line, **options))
