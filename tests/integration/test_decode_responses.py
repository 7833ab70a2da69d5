"""Clients that are handed in: whatever their settings, the memory reads and writes the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
import redis.asyncio
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import ConversationMemory, CorruptMessageError, Metadata, SettingsError

CASES = [
    {"decode_responses": decodes, "protocol": protocol}
    for decodes in (True, False)
    for protocol in (2, 3)
]
of_every_kind = pytest.mark.parametrize(
    "options", CASES, ids=[f"{c['decode_responses']}-RESP{c['protocol']}" for c in CASES]
)
TURN = make_turn(0, 0)
TEXT = "Größe, 値, \u0000 and \U0001f600"


def assert_same(metadata: Metadata | None, plain: Metadata | None) -> None:
    """Compare what two clients were told; every field is of the same type too."""
    assert metadata == plain
    assert [type(value) for value in fields(metadata)] == [type(value) for value in fields(plain)]


def fields(metadata: Metadata | None) -> list[Any]:
    return [getattr(metadata, name) for name in Metadata.__slots__]


@of_every_kind
def test_a_sync_client_of_any_settings_reads_and_writes_the_same(
    redis_server: RedisServer, options: dict[str, Any]
) -> None:
    # Given a plain memory, and one with a client of other settings
    plain = ConversationMemory(redis_url=redis_server.url)
    with redis_server.client(**options) as client:
        memory = ConversationMemory(client=client)
        # When each writes
        plain.append("c", TURN, owner="u1")
        appended = memory.append("c", [*make_turn(1, 1)], owner="u1", token="t")
        # Then both read the same, and the replies mean the same
        assert (appended.seq, appended.length, appended.repeated) == (6, 6, False)
        assert memory.append("c", make_turn(1, 1), owner="u1", token="t").repeated
        window, other = memory.window("c", owner="u1"), plain.window("c", owner="u1")
        assert window.messages == other.messages
        assert window.messages == [*TURN, *make_turn(1, 1)]
        assert_same(window.metadata, other.metadata)
        memory.history("text").add_user_message(TEXT)
        assert plain.history("text").messages[0].content == TEXT
        assert memory.history("text").messages[0].content == TEXT
        assert memory.trim("c", 4, owner="u1").removed == 4
        assert memory.clear("c", owner="u1")
        assert memory.metadata("c", owner="u1") is None
    plain.close()


@of_every_kind
def test_an_async_client_of_any_settings_reads_and_writes_the_same(
    redis_server: RedisServer, options: dict[str, Any]
) -> None:
    # Given a plain memory, and one with a client of other settings
    plain = ConversationMemory(redis_url=redis_server.url)

    async def chat() -> None:
        async with redis.asyncio.Redis.from_url(redis_server.url, **options) as client:
            memory = ConversationMemory(async_client=client)
            # When each writes
            await plain.aappend("c", TURN, owner="u1")
            appended = await memory.aappend("c", make_turn(1, 1), owner="u1", token="t")
            # Then both read the same, and the replies mean the same
            assert (appended.seq, appended.length, appended.repeated) == (6, 6, False)
            assert (await memory.aappend("c", make_turn(1, 1), owner="u1", token="t")).repeated
            window = await memory.awindow("c", owner="u1")
            other = await plain.awindow("c", owner="u1")
            assert window.messages == other.messages
            assert window.messages == [*TURN, *make_turn(1, 1)]
            assert_same(window.metadata, other.metadata)
            await memory.history("text").aadd_messages([make_turn(3, 1)[0]])
            assert (await plain.history("text").aget_messages())[0] == make_turn(3, 1)[0]
            assert (await memory.atrim("c", 4, owner="u1")).removed == 4
            assert await memory.aclear("c", owner="u1")
            assert await memory.ametadata("c", owner="u1") is None

    asyncio.run(chat())


def test_clients_that_are_handed_in_stay_open(redis_server: RedisServer) -> None:
    # Given a memory with the caller's clients
    client = redis_server.client()

    async def chat() -> None:
        async_client = redis.asyncio.Redis.from_url(redis_server.url)
        memory = ConversationMemory(client=client, async_client=async_client)
        memory.append("c", TURN)
        await memory.aappend("c", TURN)
        mine, its = client.client_id(), await async_client.client_id()
        # When the memory is closed, both ways
        memory.close()
        await memory.aclose()
        # Then the clients still have the connections they had, and so does the memory
        assert client.client_id() == mine
        assert await async_client.client_id() == its
        assert memory.append("c", TURN).seq == 3 * len(TURN)
        await async_client.aclose()

    asyncio.run(chat())
    client.close()


def test_a_memory_with_a_sync_client_only_says_what_async_callers_need(
    redis_server: RedisServer,
) -> None:
    # Given a memory with a sync client
    with redis_server.client() as client:
        memory = ConversationMemory(client=client)
        # When it is used by async callers, then the error names what is missing
        for call in (memory.aping, lambda: memory.aappend("c", TURN), lambda: memory.awindow("c")):
            with pytest.raises(SettingsError, match="async_client="):
                asyncio.run(call())
        # And closing it does no harm
        asyncio.run(memory.aclose())
        assert memory.append("c", TURN).seq == len(TURN)


def test_a_memory_with_an_async_client_only_says_what_sync_callers_need() -> None:
    # Given a memory with an async client
    memory = ConversationMemory(async_client=redis.asyncio.Redis())
    # When it is used by sync callers, then the error names what is missing
    for call in (memory.ping, lambda: memory.append("c", TURN), lambda: memory.window("c")):
        with pytest.raises(SettingsError, match=r"\bclient="):
            call()
    # And closing it does no harm
    memory.close()


def test_bytes_that_are_no_text_are_a_corrupt_entry_to_a_decoding_client_too(
    redis_server: RedisServer,
) -> None:
    # Given an entry that is no text, and a client that decodes replies
    with redis_server.client(decode_responses=True) as client:
        memory = ConversationMemory(client=client)
        memory.append("c", TURN)
        client.rpush("conversation:c", b"\xff\xfe")
        # When the conversation is read, then the error is the library's
        with pytest.raises(CorruptMessageError):
            memory.window("c")
