"""Processes that chat while Redis comes and goes lose, double and misplace nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.chatters import archiving, wait_until
from support.insisting import chat_and_die, chat_at_once, chat_by_turns
from support.operations import StartRedis
from support.outages import (
    KEEPING,
    Build,
    assert_whole,
    building,
    ids,
    look_often,
    read,
    waiting,
)
from support.redis_server import RedisServer
from support.writers import Process, started

CHAOS_SECONDS = 4.0


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    look_often(monkeypatch)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Build]:
    yield from building(f"sqlite:///{tmp_path / 'archive.db'}")


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    return start_redis(*KEEPING)


def harass(server: RedisServer, chance: random.Random) -> None:
    """Kill and start, stop and continue Redis, at random moments."""
    until = time.monotonic() + CHAOS_SECONDS
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.05, 0.6))
        away = chance.uniform(0.05, 0.8)
        if chance.random() < 0.5:
            server.kill()
            time.sleep(away)
            server.start()
        else:
            server.pause()
            time.sleep(away)
            server.resume()


def test_processes_that_chat_without_a_pause_through_outages_keep_all_they_were_told(
    server: RedisServer, url: str, build: Build
) -> None:
    # Given processes, each with conversations of its own, that archive in different ways
    def process(task: Any, interval: float | None, **options: Any) -> Process:
        return Process(task, server.url, "", settings=archiving(url, interval), **options)

    processes = [
        process(chat_by_turns, 0, ids=["a1", "a2"], is_read=True),
        process(chat_by_turns, 0.1, ids=["b1"], is_read=False),
        process(chat_at_once, None, ids=["c1", "c2", "c3"]),
    ]
    # When Redis goes away and comes back again and again
    with started(processes):
        harass(server, random.Random(7))
        for each in processes:
            each.stop()
        told = {name: count for each in processes for name, count in each.result().items()}
    # Then all that was acknowledged is there once, in order, and so Redis has it
    assert sum(told.values()) > 100
    memory = build(server.url, database=url)
    memory.drain()
    for name, count in told.items():
        assert_whole(memory, server, ids(range(count)), name)


def test_what_a_process_said_past_redis_before_it_died_is_read_at_once_when_redis_is_back(
    server: RedisServer, build: Build, tmp_path: Path
) -> None:
    # Given a conversation that Redis has
    database = f"sqlite:///{tmp_path / 'archive.db'}"
    dying = Process(chat_and_die, server.url, "c", settings=archiving(database))
    with ExitStack() as stack:
        stack.callback(dying.close)
        dying.wait_ready()
        dying.go()
        wait_until(lambda: dying.result() >= 3, "it chats")
        # When Redis goes away, the process goes on past it, and dies
        server.kill()
        at_kill = dying.result()
        wait_until(lambda: dying.result() >= at_kill + 10, "it chats on")
        dying.kill()
        count = told(dying, at_kill + 10)
    server.start()
    # Then a new one shows all of it as soon as Redis is back
    memory = build(server.url)
    shown = read(memory)
    assert shown[-1] in {ids([count - 1])[-1], ids([count])[-1]}
    assert shown[: len(ids(range(count)))] == ids(range(count))[-len(shown) :]
    assert waiting(server) == 0


def told(process: Process, least: int) -> int:
    """Give the last turn that a process told of before it died."""
    try:
        while True:
            least = process.result()
    except EOFError:
        return least
