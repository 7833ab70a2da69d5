"""Redis servers that go away and come back, and what must be whole after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson
import pytest

from openta_memory import ConversationMemory, aio, store
from openta_memory.archive import outage
from openta_memory.settings import MemorySettings
from support.chatters import ALL, archiving, wait_until
from support.redis_server import RedisServer
from support.turns import make_turn

KEEPING = ("--appendonly", "yes", "--appendfsync", "always")
OUTBOX = "openta:outbox"

Build = Callable[..., ConversationMemory]
Go = Callable[[RedisServer], None]


def kill(server: RedisServer) -> None:
    server.kill()


def start(server: RedisServer) -> None:
    server.start()


def pause(server: RedisServer) -> None:
    server.pause()


def resume(server: RedisServer) -> None:
    server.resume()


class FailingRedis:
    """A Redis that goes away in one way.

    Args:
        server: It runs.
        go: How it goes.
        come_back: How it comes back.
    """

    def __init__(self, server: RedisServer, go: Go, come_back: Go) -> None:
        self.server = server
        self._go, self._come_back = go, come_back

    def go_away(self) -> None:
        self._go(self.server)

    def come_back(self) -> None:
        self._come_back(self.server)


# What redis-server is started with, how it goes away and how it comes back.
KINDS: dict[str, tuple[tuple[str, ...], Go, Go]] = {
    "killed": ((), kill, start),
    "killed, keeping all": (KEEPING, kill, start),
    "hung": ((), pause, resume),
}


def look_often(patch: pytest.MonkeyPatch, answer_seconds: float = 0.3) -> None:
    """Look for what is away often, and wait less for an answer, than users would."""
    patch.setattr(outage, "PROBE_SECONDS", 0.05)
    for module in (store, aio):
        patch.setattr(module, "SOCKET_SECONDS", answer_seconds)
        patch.setattr(module, "RETRIES", 2)


def building(database: str) -> Iterator[Build]:
    """Give what builds memories that drain when told to, and close them after."""
    built: list[ConversationMemory] = []

    def build(redis_url: str, **given: Any) -> ConversationMemory:
        settings = archiving(given.pop("database", database), given.pop("interval", None))
        loaded = MemorySettings.load(redis_url=redis_url, **settings, **given)
        built.append(ConversationMemory(settings=loaded))
        return built[-1]

    yield build
    for memory in built:
        memory.close()


def ids(turns: Sequence[int], writer: int = 1) -> list[str | None]:
    return [message.id for number in turns for message in make_turn(writer, number)]


def read(memory: ConversationMemory, session_id: str = "c", **given: Any) -> list[str | None]:
    return [message.id for message in memory.window(session_id, **given).messages]


def held(server: RedisServer, session_id: str = "c") -> list[str | None]:
    """Give what Redis itself holds of a conversation."""
    with server.client() as client:
        return [
            orjson.loads(raw)["id"] for raw in client.lrange(f"conversation:{session_id}", 0, -1)
        ]


def waiting(server: RedisServer) -> int:
    """Count what waits on the outbox."""
    with server.client() as client:
        return int(client.xlen(OUTBOX))


def added(server: RedisServer) -> int:
    """Count what was ever put on the outbox."""
    with server.client() as client:
        return int(client.xinfo_stream(OUTBOX)["entries-added"])


def is_away(memory: ConversationMemory) -> bool:
    tier = memory._flows.tier
    assert tier is not None
    return tier.is_redis_away


def wait_until_back(*memories: ConversationMemory) -> None:
    """Wait until Redis is served from again."""
    wait_until(lambda: not any(map(is_away, memories)), "Redis is found again")


def assert_whole(
    memory: ConversationMemory,
    server: RedisServer,
    said: Sequence[str | None],
    session_id: str = "c",
) -> None:
    """Check that all was said once and in this order, with numbers 1..n, and is in both tiers."""
    assert not is_away(memory)
    memory.drain()
    archived = memory.archived(session_id, limit=ALL)
    _assert_same([message.id for _, message in archived], said, f"archived of {session_id}")
    assert [seq for seq, _ in archived] == list(range(1, len(said) + 1))
    shown = read(memory, session_id)
    _assert_same(shown, said[-len(shown) :], f"read of {session_id}")
    assert held(server, session_id) == shown
    assert len(shown) >= min(47, len(said))
    assert waiting(server) == 0


def _assert_same(found: Sequence[str | None], said: Sequence[str | None], what: str) -> None:
    """Compare, and tell a difference in a line, however long they are."""
    if list(found) == list(said):
        return
    pairs = enumerate(zip(found, said, strict=False))
    first = next((at for at, (one, other) in pairs if one != other), min(len(found), len(said)))
    lost = [each for each in said if each not in found]
    doubled = sorted({str(each) for each in found if found.count(each) > 1})
    raise AssertionError(
        f"{what}: {len(found)} of {len(said)}, from {first} on {found[first : first + 4]}, "
        f"lost {lost[:8]}, doubled {doubled[:8]}, more {[e for e in found if e not in said][:8]}"
    )
