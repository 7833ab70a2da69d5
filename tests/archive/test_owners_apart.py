"""Two owners who got hold of one id while something was away never see each other's messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.archives import MS, batch, using
from support.chatters import wait_until
from support.databases import PostgresDatabase
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

from openta_memory import ConversationMemory, OwnerError
from openta_memory.archive import Archive
from openta_memory.keys import Keys

ANN, BOB = 1, 2


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


def say(memory: ConversationMemory, writer: int, *numbers: int, owner: str | None) -> None:
    for number in numbers:
        memory.append("c", make_turn(writer, number), owner=owner)


def owner(memory: ConversationMemory) -> str | None:
    found = memory.metadata("c")
    return found and found.owner


def kept_apart(database: PostgresDatabase) -> list[list[str]]:
    """Give owner, number of messages and last number of each conversation, as a user would ask."""
    found = database._server.psql(
        "SELECT owner, count(*), max(m.seq), conversations.seq FROM conversations"
        " JOIN messages m ON m.conversation_id = id GROUP BY id ORDER BY id",
        database._name,
    )
    return [line.split("|") for line in found.splitlines()]


def assert_anns_alone(memory: ConversationMemory, server: RedisServer, *turns: int) -> None:
    assert read(memory, owner="ann") == ids(turns, ANN)
    for call in (memory.window, memory.metadata, memory.archived, memory.clear):
        with pytest.raises(OwnerError):
            call("c", owner="bob")
    assert_whole(memory, server, ids(turns, ANN))


def test_who_came_second_while_redis_was_away_is_kept_apart(
    server: RedisServer, build: Build, database: PostgresDatabase
) -> None:
    # Given Ann's conversation, which still waits to be archived
    memory = build(server.url)
    say(memory, ANN, 0, 1, owner="ann")
    # When Redis goes away, and Bob takes the same id
    server.kill()
    say(memory, BOB, 0, 1, owner="bob")
    assert read(memory, owner="bob") == ids([0, 1], BOB)
    server.start()
    wait_until_back(memory)
    # Then it is Ann's, and what Bob said is kept, apart
    say(memory, ANN, 2, owner="ann")
    assert_anns_alone(memory, server, 0, 1, 2)
    wait_until(lambda: waiting(server) == 0, "all is archived")
    six, eight = len(ids([0, 1])), len(ids([0, 1, 2]))
    assert kept_apart(database) == [
        ["ann", str(eight), str(eight), str(eight)],
        ["bob", str(six), str(six), str(six)],
    ]


def test_who_came_second_while_the_archive_was_away_is_kept_apart(
    server: RedisServer, build: Build, database: PostgresDatabase
) -> None:
    # Given Ann's conversation, which is archived, and lost by Redis while the archive is away
    memory = build(server.url)
    say(memory, ANN, 0, 1, owner="ann")
    memory.drain()
    database.go_away()
    with server.client() as client:
        client.delete("conversation:c", "conversation:meta:c")
    # When Bob takes the same id
    say(memory, BOB, 0, 1, owner="bob")
    with pytest.raises(OwnerError):
        say(memory, ANN, 2, owner="ann")
    database.come_back()
    wait_until(lambda: owner(memory) == "ann", "it is Ann's")
    # Then it is Ann's, and what Bob said is kept, apart
    say(memory, ANN, 2, owner="ann")
    assert_anns_alone(memory, server, 0, 1, 2)
    assert [line[:2] for line in kept_apart(database)] == [
        ["ann", str(len(ids([0, 1, 2])))],
        ["bob", str(len(ids([0, 1])))],
    ]


def test_what_a_trusted_caller_says_meanwhile_leaves_a_conversation_its_owners(
    server: RedisServer, build: Build
) -> None:
    # Given Ann's conversation, which still waits to be archived
    memory = build(server.url)
    say(memory, ANN, 0, owner="ann")
    # When one who may see all appends to it past Redis
    server.kill()
    say(memory, ANN, 1, owner=None)
    server.start()
    wait_until_back(memory)
    # Then it is Ann's as before
    say(memory, ANN, 2, owner="ann")
    assert_anns_alone(memory, server, 0, 1, 2)


def test_what_a_trusted_caller_says_while_the_archive_is_away_leaves_it_its_owners(
    server: RedisServer, build: Build, database: PostgresDatabase
) -> None:
    memory = build(server.url)
    say(memory, ANN, 0, owner="ann")
    memory.drain()
    database.go_away()
    with server.client() as client:
        client.delete("conversation:c", "conversation:meta:c")
    say(memory, ANN, 1, owner=None)
    database.come_back()
    wait_until(lambda: read(memory) == ids([0, 1]), "all of it is read")
    assert_anns_alone(memory, server, 0, 1)


def test_an_owner_who_follows_a_clear_is_not_taken_for_a_second_one(
    server: RedisServer, build: Build, database: PostgresDatabase
) -> None:
    # Given Bob's conversation, archived, then cleared and taken by Ann, which waits
    memory = build(server.url)
    say(memory, BOB, 0, owner="bob")
    memory.drain()
    plans = memory._flows.plans
    memory._connections.store.run(plans.clear("c", owner="bob", token="t"))
    taken = plans.prepare("c", make_turn(ANN, 0))
    memory._connections.store.run(plans.append("c", taken, owner="ann"))
    memory._connections.store.run(plans.append("c", taken, owner="ann", archive="asked"))
    # When Redis goes away, and Bob goes on with what the archive shows as his
    server.kill()
    say(memory, BOB, 1, owner="bob")
    server.start()
    wait_until_back(memory)
    # Then it is Ann's, and what Bob said since is kept, apart
    assert_anns_alone(memory, server, 0)
    assert [line[:2] for line in kept_apart(database)] == [
        ["ann", str(len(ids([0])))],
        ["bob", str(len(ids([1])))],
    ]


def test_the_longest_ids_are_kept_apart_under_ids_that_are_taken(url: str) -> None:
    # A character of four bytes, and one that is spelled with two
    names = [letter * (256 // len(letter.encode())) for letter in ("\U0001f600", "\0", "c")]

    async def work(archive: Archive) -> None:
        for name in names:
            # Given what two owners stored under one id
            await archive.write([batch(1, of=name, owner="ann")])
            later = batch(2, of=name, owner="bob")
            provisional = tuple((2**40 + seq, raw) for seq, raw in later.records)
            await archive.write([replace(later, records=provisional)])
            # Then what came second has an id that Redis can hold, too
            (apart,) = await archive.ids("bob")
            assert apart.startswith(name[:20])
            assert Keys().conversation(apart)
            assert len(await archive.page(apart, None, 10)) == 2
            await archive.purge(MS + 1000)

    using(url, work)
