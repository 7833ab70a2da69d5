"""While the archive is away Redis serves, and what it could not ask for is made good after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chatters import wait_until
from support.databases import PostgresDatabase
from support.faces import Call, both
from support.operations import StartRedis
from support.outages import (
    KEEPING,
    Build,
    assert_whole,
    building,
    ids,
    look_often,
    read,
    wait_until_back,
    waiting,
)
from support.postgres import PostgresServer
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import ArchiveUnavailableError, ConversationMemory, StoreUnavailableError


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    look_often(monkeypatch)


@pytest.fixture
def database(shared_postgres: PostgresServer) -> PostgresDatabase:
    return PostgresDatabase(shared_postgres)


@pytest.fixture
def build(database: PostgresDatabase) -> Iterator[Build]:
    yield from building(database.url)


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    return start_redis(*KEEPING)


def say(memory: ConversationMemory, *numbers: int) -> None:
    for number in numbers:
        memory.append("c", make_turn(1, number))


def lose(server: RedisServer, *keys: str) -> None:
    """Let Redis lose a conversation, and keep its outbox."""
    with server.client() as client:
        client.delete(*(keys or ("conversation:c", "conversation:meta:c")))


def archived(memory: ConversationMemory) -> list[str | None] | None:
    """Give what is archived of a conversation; None while the archive is not found again."""
    try:
        return [message.id for _, message in memory.archived("c")]
    except ArchiveUnavailableError:
        return None


def wait_until_shown(memory: ConversationMemory, expected: list[str | None]) -> None:
    wait_until(lambda: read(memory) == expected, "all of the conversation is read")


@both
@pytest.mark.parametrize("lost", [(), ("conversation:c",), ("conversation:meta:c",)])
def test_a_conversation_that_redis_lost_goes_on_and_is_put_behind_what_the_archive_had(
    call: Call,
    server: RedisServer,
    build: Build,
    database: PostgresDatabase,
    lost: tuple[str, ...],
) -> None:
    # Given a conversation that is archived, and one turn that waits to be
    memory = build(server.url)
    say(memory, 0, 1)
    memory.drain()
    say(memory, 2)
    # When the archive goes away, and Redis loses it
    database.go_away()
    lose(server, *lost)
    # Then it goes on
    for number in (3, 4):
        call(memory, "append", "c", make_turn(1, number))
    shown = [message.id for message in call(memory, "window", "c").messages]
    assert shown[-len(ids([3, 4])) :] == ids([3, 4])
    # And when the archive is back, all of it is there
    database.come_back()
    wait_until_shown(memory, ids(range(5)))
    say(memory, 5)
    assert_whole(memory, server, ids(range(6)))


def test_what_a_dead_process_said_meanwhile_is_put_into_its_place_by_the_next(
    server: RedisServer,
    build: Build,
    database: PostgresDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openta_memory.archive.drain.TAKE_OVER_MS", 100)
    first = build(server.url)
    say(first, 0)
    first.drain()
    database.go_away()
    lose(server)
    say(first, 1)
    first.close()
    database.come_back()
    later = build(server.url)
    say(later, 2)
    later.drain()
    assert read(later) == ids(range(3))
    assert_whole(later, server, ids(range(3)))


def test_both_lose_sight_of_a_conversation_in_turn(
    server: RedisServer, build: Build, database: PostgresDatabase
) -> None:
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    # Redis away, and what is said goes past it
    server.kill()
    say(memory, 1)
    # Then both, and nobody can say anything
    database.go_away()
    with pytest.raises(StoreUnavailableError):
        say(memory, 2)
    # Redis comes first, and must not serve what it had: the archive knows more
    server.start()
    with pytest.raises(StoreUnavailableError):
        read(memory)
    database.come_back()
    wait_until_back(memory)
    assert read(memory) == ids([0, 1])
    # The archive away, and Redis emptied
    database.go_away()
    lose(server)
    say(memory, 2)
    # Then both, the archive back first
    server.kill()
    database.come_back()
    say(memory, 3)
    server.start()
    wait_until_back(memory)
    wait_until_shown(memory, ids(range(4)))
    assert_whole(memory, server, ids(range(4)))


def test_when_both_were_away_and_nothing_was_said_redis_serves_as_soon_as_it_is_back(
    server: RedisServer, build: Build, database: PostgresDatabase
) -> None:
    # Given both away, so that what is said is refused
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    server.kill()
    database.go_away()
    with pytest.raises(StoreUnavailableError):
        say(memory, 1)
    # When Redis is back, and the archive is not
    server.start()
    # Then the chat goes on
    wait_until_back(memory)
    say(memory, 1)
    assert read(memory) == ids([0, 1])
    assert waiting(server) == 1
    database.come_back()
    wait_until(lambda: waiting(server) == 0, "what waits is archived")
    assert_whole(memory, server, ids([0, 1]))


def test_a_clear_behind_what_was_said_meanwhile_clears_all(
    server: RedisServer, build: Build, database: PostgresDatabase
) -> None:
    memory = build(server.url)
    say(memory, 0)
    memory.drain()
    database.go_away()
    lose(server)
    say(memory, 1)
    database.come_back()
    assert memory.clear("c") is True
    assert read(memory) == []
    wait_until(lambda: archived(memory) == [], "the archive is found and cleared")
    say(memory, 2)
    memory.drain()
    assert_whole(memory, server, ids([2]))


def test_numbers_go_on_from_one_when_a_clear_was_not_archived_yet(
    server: RedisServer, build: Build, tmp_path: Path
) -> None:
    # Given an archive that has not heard yet that the conversation was cleared and begun anew
    memory = build(server.url, database=f"sqlite:///{tmp_path / 'a.db'}")
    say(memory, 0, 1)
    memory.drain()
    plans, run = memory._flows.plans, memory._connections.store.run
    run(plans.clear("c", token="t"))
    begun = plans.prepare("c", make_turn(1, 2))
    run(plans.append("c", begun))
    run(plans.append("c", begun, archive="asked"))
    # When it goes on past Redis
    server.kill()
    say(memory, 3)
    server.start()
    wait_until_back(memory)
    # Then what was cleared is gone, and the rest is numbered from 1
    assert read(memory) == ids([2, 3])
    assert_whole(memory, server, ids([2, 3]))
