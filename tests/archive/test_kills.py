"""A drain that is killed anywhere loses nothing and stores nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.redis_server import RedisServer

from openta_memory import ConversationMemory
from openta_memory.testing import turn

DRAINING = """
import sys
from openta_memory import ConversationMemory
from openta_memory.archive import drain
drain.COUNT, drain.TAKE_OVER_MS = 7, 0
memory = ConversationMemory(redis_url=sys.argv[1], database=sys.argv[2])
print("ready", flush=True)
while True:
    memory.drain()
"""

CONVERSATIONS = 10
TURNS = 60


def said(number: int) -> list[str]:
    return [message.text for each in range(TURNS) for message in turn(100 * number + each)]


def test_a_drain_killed_twenty_times_loses_and_doubles_nothing(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given conversations whose turns wait on the outbox
    monkeypatch.setattr("openta_memory.archive.drain.TAKE_OVER_MS", 0)
    database = f"sqlite:///{tmp_path / 'a.db'}"
    memory = ConversationMemory(redis_url=redis_server.url, database=database, max_messages=4)
    chance = random.Random(7)
    for each in range(TURNS):
        for number in range(CONVERSATIONS):
            memory.append(f"c{number}", turn(100 * number + each))
    # When drains are killed at twenty moments
    for _ in range(20):
        draining = subprocess.Popen(
            [sys.executable, "-c", DRAINING, redis_server.url, database],
            stdout=subprocess.PIPE,
        )
        assert draining.stdout is not None
        assert draining.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0, 0.15))
        draining.kill()
        draining.wait(10)
        draining.stdout.close()
    memory.drain()
    # Then the archive has all that was acknowledged, once and in order
    for number in range(CONVERSATIONS):
        archived = memory.archived(f"c{number}", limit=1000)
        assert [message.text for _, message in archived] == said(number)
        assert [seq for seq, _ in archived] == list(range(1, 2 * TURNS + 1))
    with redis_server.client() as client:
        assert client.xlen("openta:outbox") == 0
    memory.close()


def test_five_drains_at_once_lose_and_double_nothing(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    database = f"sqlite:///{tmp_path / 'a.db'}"
    memory = ConversationMemory(redis_url=redis_server.url, database=database, max_messages=4)
    memory.append("c0", [])
    memory.drain()
    command = [
        sys.executable,
        "-c",
        DRAINING.replace("TAKE_OVER_MS = 7, 0", "TAKE_OVER_MS = 7, 30_000"),
    ]
    drains = [
        subprocess.Popen([*command, redis_server.url, database], stdout=subprocess.PIPE)
        for _ in range(5)
    ]
    for draining in drains:
        assert draining.stdout is not None
        draining.stdout.readline()
    for each in range(TURNS):
        memory.append("c0", turn(each))
    archived = memory.archived("c0", limit=1000)
    for draining in drains:
        draining.kill()
        draining.wait(10)
        assert draining.stdout is not None
        draining.stdout.close()
    assert [message.text for _, message in archived] == said(0)
    memory.close()
