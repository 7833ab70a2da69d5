"""Processes of their own that write to or watch a conversation, ended by their handle."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
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
from openta_memory.settings import MemorySettings
from support.turns import make_turn, split_turns

TESTS = Path(__file__).resolve().parents[1]
LIBRARY = Path(openta_memory.__file__).resolve().parents[1]
WAIT_SECONDS = 60

# What a process does with its memory: (memory, session_id, line, **options) -> its result.
Task = Callable[..., Any]


@cache
def _processes() -> ForkServerContext:
    """Start the server that imports the library once and forks processes in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "support.chatters"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", child_environment()["PYTHONPATH"])
        forkserver.ensure_running()
    return context


class Process:
    """One child with a memory of its own: it says when it is ready and starts at a word.

    Args:
        what: `write`, `watch`, or a function of a module of this package.
        url: The Redis.
        session_id: The conversation.
        max_messages: The cap.
        settings: Further settings of the memory.
        options: What the function takes besides.
    """

    def __init__(
        self,
        what: str | Task,
        url: str,
        session_id: str,
        *,
        max_messages: int = 50,
        settings: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._line, theirs = _processes().Pipe()
        given = {"redis_url": url, "max_messages_per_session": max_messages, **(settings or {})}
        self._child = _processes().Process(
            target=_run, args=(theirs, what, given, session_id, options)
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

    def wait_ended(self) -> int:
        """Wait until it ended by itself; gives its exit code, negative for a signal."""
        self._child.join(WAIT_SECONDS)
        assert self._child.exitcode is not None, "the process does not end"
        return self._child.exitcode

    @property
    def has_failed(self) -> bool:
        """Say whether it ended with an error, or was killed."""
        return bool(self._child.exitcode)

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
    line: Connection,
    what: str | Task,
    given: dict[str, Any],
    session_id: str,
    options: dict[str, Any],
) -> None:
    memory = ConversationMemory(settings=MemorySettings.load(session_ttl=3600, **given))
    memory.ping()
    task = {"write": write, "watch": watch}[what] if isinstance(what, str) else what
    line.send("ready")
    line.recv()
    line.send(task(memory, session_id, line, **options))
