"""What the archive has is its owner's, whatever Redis holds under that id meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.databases import PostgresDatabase, SQLiteDatabase
from support.operations import StartRedis
from support.outages import KEEPING, Build, building, ids, read
from support.postgres import PostgresServer
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import ConversationMemory, OwnerError

ANN, BOB = 1, 2


@pytest.fixture
def database(tmp_path: Path) -> SQLiteDatabase:
    return SQLiteDatabase(tmp_path / "data")


@pytest.fixture
def build(database: SQLiteDatabase) -> Iterator[Build]:
    yield from building(database.url)


@pytest.fixture
def server(start_redis: StartRedis) -> RedisServer:
    return start_redis(*KEEPING)


@pytest.fixture
def bobs(build: Build, server: RedisServer, database: SQLiteDatabase) -> ConversationMemory:
    """Give a memory whose Redis has as Bob's, since the archive was away, what is Ann's there."""
    memory = build(server.url, interval=300)
    memory.append("c", make_turn(ANN, 0), owner="ann")
    memory.append("c", make_turn(ANN, 1), owner="ann")
    memory.close()
    with server.client() as client:
        client.flushall()
    database.go_away()
    later = build(server.url, interval=300)
    later.append("c", make_turn(BOB, 0), owner="bob")
    database.come_back()
    return later


def test_a_limit_shows_nothing_of_another_owner(bobs: ConversationMemory) -> None:
    for limit in (1, 3, 50):
        shown = bobs.window("c", limit=limit, owner="bob").messages
        assert {message.id for message in shown} <= set(ids([0], BOB))


def test_pages_of_the_archive_show_nothing_of_another_owner(bobs: ConversationMemory) -> None:
    with pytest.raises(OwnerError):
        bobs.archived("c", owner="bob")


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_clear_removes_nothing_of_another_owner(
    bobs: ConversationMemory, *, all_of_them: bool
) -> None:
    if all_of_them:
        bobs.clear_owner("bob")
    else:
        bobs.clear("c", owner="bob")
    bobs.drain()
    assert read(bobs, owner="ann") == ids([0, 1], ANN)


def test_an_index_that_names_an_id_of_old_clears_nothing_of_who_has_it_now(
    build: Build, server: RedisServer
) -> None:
    # Given an id that was Ann's, was cleared by somebody trusted, and is Bob's in the archive
    memory = build(server.url)
    memory.append("c", make_turn(ANN, 0), owner="ann")
    memory.clear("c")
    memory.append("c", make_turn(BOB, 0), owner="bob")
    memory.drain()
    with server.client() as client:
        assert client.zscore("openta:owner:ann", "c") is not None
        client.delete("conversation:c", "conversation:meta:c")
    # When all of Ann's is cleared
    assert memory.clear_owner("ann") == 0
    # Then Bob still has his
    memory.drain()
    assert read(memory, owner="bob") == ids([0], BOB)


def test_clears_and_owners_that_follow_each_other_are_archived_in_their_order(
    build: Build, server: RedisServer
) -> None:
    memory = build(server.url)
    for number, owner in enumerate(["ann", "bob", "ann"]):
        memory.append("c", make_turn(number, 0), owner=owner)
        memory._connections.store.run(memory._flows.plans.clear("c", owner=owner))
        memory.append("c", make_turn(number, 1), owner=owner)
        if number < 2:
            memory._connections.store.run(memory._flows.plans.clear("c", owner=owner))
    memory.drain()
    assert [message.id for _, message in memory.archived("c", owner="ann")] == ids([1], 2)


def test_a_full_redis_still_shows_what_the_archive_has(build: Build, server: RedisServer) -> None:
    # Given a conversation that only the archive has, and a Redis that takes no more
    memory = build(server.url)
    memory.append("c", make_turn(ANN, 0), owner="ann")
    memory.drain()
    with server.client() as client:
        client.flushall()
        client.config_set("maxmemory", 1)
    # Then its owner reads it, and nobody else
    assert read(memory, owner="ann") == ids([0], ANN)
    assert memory.metadata("c", owner="ann") is not None
    with pytest.raises(OwnerError):
        memory.window("c", owner="bob")
    # And when there is room again, it goes on
    with server.client() as client:
        client.config_set("maxmemory", 0)
    memory.append("c", make_turn(ANN, 1), owner="ann")
    assert read(memory, owner="ann") == ids([0, 1], ANN)


def test_while_the_archive_takes_no_writes_the_chat_goes_on(
    shared_postgres: PostgresServer, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openta_memory.archive.outage.PROBE_SECONDS", 0.05)
    database = PostgresDatabase(shared_postgres)
    name = database.url.rsplit("/", 1)[1]
    memory = ConversationMemory(redis_url=server.url, database=database.url)
    memory.append("known", make_turn(ANN, 0))
    memory.drain()
    memory.close()
    # Given a PostgreSQL that failed over to where nothing may be written
    shared_postgres.psql(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    # Then what is known and what is new can be said
    memory.append("known", make_turn(ANN, 1))
    memory.append("new", make_turn(BOB, 0))
    assert read(memory, "known") == ids([0, 1], ANN)
    assert read(memory, "new") == ids([0], BOB)
    # And all is archived when it can be again
    memory.close()
    shared_postgres.psql(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    memory.drain()
    assert [message.id for _, message in memory.archived("new")] == ids([0], BOB)
    memory.close()
