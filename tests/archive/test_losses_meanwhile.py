"""Redis loses a conversation between two steps of a call, at the worst moment of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Any

import pytest
from support.chatters import archiving, assert_kept, tell
from support.redis_server import RedisServer

from openta_memory import ConversationMemory
from openta_memory.settings import MemorySettings

LIST, META = "conversation:c", "conversation:meta:c"

Lose = Callable[[Any], object]


@pytest.fixture
def memories(redis_server: RedisServer, url: str) -> Iterator[list[ConversationMemory]]:
    """Two memories of one Redis and one database that archive before they acknowledge."""
    given: dict[str, Any] = {"redis_url": redis_server.url, **archiving(url, 0)}
    built = [ConversationMemory(settings=MemorySettings.load(**given)) for _ in range(2)]
    with closing(built[0]), closing(built[1]):
        yield built


@pytest.fixture(
    params=[lambda raw: raw.flushall(), lambda raw: raw.delete(LIST), lambda raw: raw.delete(META)],
    ids=["all", "messages", "meta data"],
)
def lose(request: pytest.FixtureRequest) -> Lose:
    found: Lose = request.param
    return found


def meanwhile(
    patch: pytest.MonkeyPatch, memory: ConversationMemory, call: str, act: Callable[[], object]
) -> None:
    """Let something happen once, after the memory's archive was asked and before it goes on."""
    tier, acts = memory._flows.tier, [act]
    asked = getattr(tier, call)

    def answered(*args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = asked(*args, **options)
        future.exception(60)
        if acts:
            acts.pop()()
        return future

    patch.setattr(tier, call, answered)


def test_what_redis_loses_before_it_is_archived_is_not_acknowledged_as_if_it_were(
    redis_server: RedisServer,
    memories: list[ConversationMemory],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a conversation
    memory, later = memories
    said = tell(memory, "c", 1, range(3))
    # When Redis is emptied after an append went to it, and before that was archived
    tier = memory._flows.tier
    assert tier is not None
    complete = tier.complete

    def emptied() -> Future[None]:
        monkeypatch.undo()
        with redis_server.client() as client:
            client.flushall()
        return complete()

    monkeypatch.setattr(tier, "complete", emptied)
    said += tell(memory, "c", 1, [3])
    # Then what was acknowledged is there
    assert_kept(later, "c", said)


def test_what_was_restored_and_said_meanwhile_is_not_replaced_by_an_older_restore(
    redis_server: RedisServer,
    memories: list[ConversationMemory],
    monkeypatch: pytest.MonkeyPatch,
    lose: Lose,
) -> None:
    # Given a conversation that Redis lost
    slow, quick = memories
    said = tell(quick, "c", 1, range(3))
    with redis_server.client() as client:
        lose(client)

        def go_on() -> None:
            said.extend(tell(quick, "c", 1, range(3, 6)))
            lose(client)

        # When others restore it, go on and lose it again, while one is about to restore it
        meanwhile(monkeypatch, slow, "snapshot", go_on)
        assert slow.window("c").messages[-1].id == "1-5-answer"
    # Then what they said meanwhile is there, and the numbers go on
    said += tell(slow, "c", 1, range(6, 8))
    assert_kept(quick, "c", said)


def test_what_began_while_the_archive_was_asked_is_not_begun_again(
    redis_server: RedisServer,
    memories: list[ConversationMemory],
    monkeypatch: pytest.MonkeyPatch,
    lose: Lose,
) -> None:
    slow, quick = memories
    said = []
    with redis_server.client() as client:

        def begin() -> None:
            said.extend(tell(quick, "c", 1, range(3)))
            lose(client)

        # When a conversation begins and is lost, while one asks whether there is one
        meanwhile(monkeypatch, slow, "snapshot", begin)
        told = tell(slow, "c", 2, [0])
    # Then the numbers go on
    assert_kept(quick, "c", [*said, *told])
