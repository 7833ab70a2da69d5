"""A drain that is killed anywhere loses nothing and stores nothing twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest
from support.chatters import archiving, wait_until
from support.redis_server import RedisServer
from support.steps import drain_for_ever
from support.writers import Process, started

from openta_memory import ConversationMemory
from openta_memory.testing import turn

CONVERSATIONS = 10
TURNS = 60
KILLS = 20


def said(number: int) -> list[str]:
    return [message.text for each in range(TURNS) for message in turn(100 * number + each)]


def waiting(server: RedisServer) -> int:
    with server.client() as client:
        return int(client.xlen("openta:outbox"))


def falls_to(server: RedisServer, goal: int) -> bool:
    return waiting(server) <= goal


@pytest.fixture
def memory(redis_server: RedisServer, url: str) -> Iterator[ConversationMemory]:
    memory = ConversationMemory(redis_url=redis_server.url, database=url, max_messages=4)
    with closing(memory):
        yield memory


def draining(server: RedisServer, url: str, take_over_ms: int) -> Process:
    return Process(drain_for_ever, server.url, "", settings=archiving(url),
                   count=7, take_over_ms=take_over_ms)  # fmt: skip


def test_a_drain_killed_twenty_times_loses_and_doubles_nothing(
    redis_server: RedisServer,
    url: str,
    memory: ConversationMemory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given conversations whose turns wait on the outbox
    monkeypatch.setattr("openta_memory.archive.drain.TAKE_OVER_MS", 0)
    chance = random.Random(7)
    for each in range(TURNS):
        for number in range(CONVERSATIONS):
            memory.append(f"c{number}", turn(100 * number + each))
    # When twenty drains are killed, each before it is through
    for kill in range(KILLS, 0, -1):
        left = waiting(redis_server)
        assert left > 0
        goal = left - chance.randint(0, max(0, left // kill - 7))
        drain = draining(redis_server, url, 0)
        with started([drain]):
            wait_until(partial(falls_to, redis_server, goal), "it drains", by=[drain])
    memory.drain()
    # Then the archive has all that was acknowledged, once and in order
    for number in range(CONVERSATIONS):
        archived = memory.archived(f"c{number}", limit=1000)
        assert [message.text for _, message in archived] == said(number)
        assert [seq for seq, _ in archived] == list(range(1, 2 * TURNS + 1))
    assert waiting(redis_server) == 0


def test_five_drains_at_once_lose_and_double_nothing(
    redis_server: RedisServer, url: str, memory: ConversationMemory
) -> None:
    drains = [draining(redis_server, url, 30_000) for _ in range(5)]
    with started(drains):
        for each in range(TURNS):
            memory.append("c0", turn(each))
        archived = memory.archived("c0", limit=1000)
    assert [message.text for _, message in archived] == said(0)
