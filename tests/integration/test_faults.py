"""What callers see when Redis fails, and that nothing is half-written, doubled or leaked."""

from __future__ import annotations

import asyncio
import time
import traceback
from threading import Event, Thread
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from support.faces import Call, both
from support.operations import LIST, SECRET, TURN, StartRedis, each_operation
from support.proxy import ReplyLosingProxy
from support.redis_server import RedisServer, _free_port
from support.turns import make_turn

from openta_memory import (
    ConversationMemory,
    StoreTimeoutError,
    StoreUnavailableError,
    aio,
    store,
)


def ids(memory: ConversationMemory) -> list[str | None]:
    return [message.id for message in memory.history("c").messages]


@pytest.fixture
def quick_timeout(monkeypatch: pytest.MonkeyPatch) -> float:
    """Wait half a second for Redis where users wait five."""
    monkeypatch.setattr(store, "SOCKET_SECONDS", 0.5)
    monkeypatch.setattr(aio, "SOCKET_SECONDS", 0.5)
    return 0.5


@both
@each_operation
def test_a_redis_that_refuses_is_named_without_its_password_within_three_seconds(
    call: Call, method: str, args: tuple[Any, ...]
) -> None:
    # Given a URL where nothing listens
    port = _free_port()
    memory = ConversationMemory(redis_url=f"redis://me:{SECRET}@127.0.0.1:{port}/2")
    # When it is used
    start = time.monotonic()
    with pytest.raises(StoreUnavailableError) as failure:
        call(memory, method, *args)
    # Then the error comes soon and says where and what to do
    assert time.monotonic() - start < 3
    assert f"redis://me@127.0.0.1:{port}/2" in str(failure.value)
    assert "REDIS_URL" in str(failure.value)
    assert SECRET not in "".join(traceback.format_exception(failure.value))


@both
@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "new"])
def test_a_hung_redis_costs_one_socket_timeout_and_works_again_after(
    start_redis: StartRedis, quick_timeout: float, call: Call, *, is_connected: bool
) -> None:
    # Given a memory, connected or not, of a Redis that hangs
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)
    if is_connected:
        call(memory, "append", "c", TURN)
    server.pause()
    # When it is used
    start = time.monotonic()
    with pytest.raises(StoreTimeoutError, match=r"redis://127\.0\.0\.1"):
        call(memory, "window", "c")
    # Then the caller waits for one timeout
    assert quick_timeout * 0.8 < time.monotonic() - start < quick_timeout * 2
    # And when Redis goes on, so does the same memory
    server.resume()
    assert call(memory, "append", "d", TURN).length == len(TURN)
    memory.close()


def test_a_hung_redis_costs_a_task_that_shares_its_loop_one_timeout_too(
    start_redis: StartRedis, quick_timeout: float
) -> None:
    # Given a memory that is used again and again on one loop
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)

    async def chat() -> float:
        await memory.aappend("c", TURN)
        server.pause()
        start = time.monotonic()
        results = await asyncio.gather(
            *(memory.awindow("c") for _ in range(20)), return_exceptions=True
        )
        waited = time.monotonic() - start
        assert {type(result) for result in results} == {StoreTimeoutError}
        # Then it works again on the same loop after
        server.resume()
        assert len((await memory.awindow("c")).messages) == len(TURN)
        return waited

    assert quick_timeout * 0.8 < asyncio.run(chat()) < quick_timeout * 2


def test_a_restarted_redis_goes_unnoticed_by_sync_callers(start_redis: StartRedis) -> None:
    # Given a memory with a pooled connection
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)
    memory.append("c", TURN)
    # When Redis is killed and started again between two calls, twice
    for _ in range(2):
        server.kill()
        server.start()
        # Then the stale connection is replaced, for single commands and pipelines
        assert memory.append("c", TURN).length == len(TURN)
        assert len(memory.window("c").messages) == len(TURN)
    memory.close()


def test_a_restarted_redis_goes_unnoticed_by_async_callers(start_redis: StartRedis) -> None:
    # Given a memory with several pooled connections on one loop
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)

    async def chat() -> None:
        await asyncio.gather(*(memory.aappend(f"c{n}", TURN) for n in range(5)))
        # When Redis is killed and started again between two calls
        server.kill()
        server.start()
        # Then all of them go on
        replies = await asyncio.gather(*(memory.aappend(f"c{n}", TURN) for n in range(5)))
        assert [reply.length for reply in replies] == [len(TURN)] * 5
        assert len((await memory.awindow("c0")).messages) == len(TURN)

    asyncio.run(chat())


@both
def test_an_append_whose_reply_is_lost_is_stored_once(
    redis_server: RedisServer, call: Call
) -> None:
    with ReplyLosingProxy(redis_server.port) as proxy:
        # Given a conversation, and scripts that the server knows
        memory = ConversationMemory(redis_url=proxy.url)
        call(memory, "append", "c", make_turn(0, 0))
        # When the reply to an append is lost
        proxy.lose_reply_to(b"EVALSHA")
        appended = call(memory, "append", "c", make_turn(0, 1))
        # Then it is stored once, and the caller learns what was done
        assert proxy.lost == 1
        assert appended.repeated
        assert (appended.seq, appended.length) == (6, 6)
        assert ids(memory) == [m.id for m in (*make_turn(0, 0), *make_turn(0, 1))]
        memory.close()


def test_an_append_whose_reply_is_lost_is_stored_once_beside_a_busy_writer(
    redis_server: RedisServer,
) -> None:
    busy = ConversationMemory(redis_url=redis_server.url, max_messages=0)
    done = Event()

    def write() -> None:
        while not done.is_set():
            busy.append("c", [HumanMessage("busy")])

    with ReplyLosingProxy(redis_server.port) as proxy:
        # Given a conversation that another writer appends to all the time
        memory = ConversationMemory(redis_url=proxy.url, max_messages=0)
        memory.append("c", [])
        writer = Thread(target=write)
        writer.start()
        try:
            # When the replies to appends are lost
            for number in range(5):
                proxy.lose_reply_to(b"EVALSHA")
                memory.append("c", [HumanMessage(f"mine {number}")])
        finally:
            done.set()
            writer.join()
        # Then each is stored once
        mine = [m.text for m in busy.history("c").messages if m.text.startswith("mine")]
        assert proxy.lost == 5
        assert mine == [f"mine {number}" for number in range(5)]
        memory.close()
    busy.close()


@both
def test_the_first_append_of_all_is_stored_once_when_its_reply_is_lost(
    redis_server: RedisServer, call: Call
) -> None:
    with ReplyLosingProxy(redis_server.port) as proxy:
        # Given a server that doesn't know the scripts, so that their source is sent
        with redis_server.client() as client:
            client.script_flush()
        memory = ConversationMemory(redis_url=proxy.url)
        # When the reply to the first append is lost
        proxy.lose_reply_to(b"EVAL\r\n")
        appended = call(memory, "append", "c", TURN, owner="u1")
        # Then it is stored once
        assert proxy.lost == 1
        assert (appended.seq, appended.length) == (len(TURN), len(TURN))
        assert ids(memory) == [message.id for message in TURN]
        memory.close()


@pytest.mark.parametrize("begins", [True, False], ids=["begun", "plain"])
def test_a_run_whose_replies_are_lost_is_stored_once(
    redis_server: RedisServer, *, begins: bool
) -> None:
    question, answer = HumanMessage("Why?"), AIMessage("Because.")
    with ReplyLosingProxy(redis_server.port) as proxy:
        # Given a conversation, and scripts that the server knows
        memory = ConversationMemory(redis_url=proxy.url)
        memory.turn("c").begin(TURN[0])
        turn = memory.turn("c")
        # When the replies to the run's read and to its write are lost
        proxy.lose_reply_to(b"LRANGE")
        if begins:
            turn.begin(question)
        assert [message.id for message in turn.messages] == [TURN[0].id]
        proxy.lose_reply_to(b"EVALSHA")
        turn.add_messages([question, answer])
        # Then the run is stored once
        assert proxy.lost == 2
        messages = memory.history("c").messages
        assert [message.content for message in messages[1:]] == ["Why?", "Because."]
        memory.close()


@pytest.mark.parametrize("begins", [True, False], ids=["begun", "plain"])
def test_an_async_run_whose_replies_are_lost_is_stored_once(
    redis_server: RedisServer, *, begins: bool
) -> None:
    question, answer = HumanMessage("Why?"), AIMessage("Because.")

    async def run(memory: ConversationMemory, proxy: ReplyLosingProxy) -> list[Any]:
        # Given a conversation, and scripts that the server knows
        await memory.turn("c").abegin(TURN[0])
        turn = memory.turn("c")
        # When the replies to the run's read and to its write are lost
        proxy.lose_reply_to(b"LRANGE")
        if begins:
            await turn.abegin(question)
        assert [message.id for message in await turn.aget_messages()] == [TURN[0].id]
        proxy.lose_reply_to(b"EVALSHA")
        await turn.aadd_messages([question, answer])
        return await memory.history("c").aget_messages()

    with ReplyLosingProxy(redis_server.port) as proxy:
        memory = ConversationMemory(redis_url=proxy.url)
        messages = asyncio.run(run(memory, proxy))
        # Then the run is stored once
        assert proxy.lost == 2
        assert [message.content for message in messages[1:]] == ["Why?", "Because."]


@both
@each_operation
def test_forgotten_scripts_go_unnoticed(
    redis_server: RedisServer, call: Call, method: str, args: tuple[Any, ...]
) -> None:
    # Given a conversation and what each operation answers on it
    memory = ConversationMemory(redis_url=redis_server.url)
    memory.append("c", TURN, token="first")
    # When the server forgets all scripts between two calls
    with redis_server.client() as client:
        client.script_flush()
        call(memory, method, *args)
        # Then the operation was done, and once
        left = client.lrange(LIST, 0, -1)
    expected = {"append": 2 * len(TURN), "clear": 0, "trim": 1}.get(method, len(TURN))
    assert len(left) == expected
    memory.close()


@both
@pytest.mark.parametrize("known", [(), ("append",), ("window",)], ids=["none", "append", "window"])
def test_a_read_and_append_is_right_whichever_script_the_server_knows(
    redis_server: RedisServer, call: Call, known: tuple[str, ...]
) -> None:
    # Given a server that forgot all scripts but one
    memory = ConversationMemory(redis_url=redis_server.url)
    memory.append("c", make_turn(0, 0))
    with redis_server.client() as client:
        client.script_flush()
    for method in known:
        call(memory, method, *{"append": ("x", TURN), "window": ("x",)}[method])
    # When a batch is appended to what was read before
    window, appended = call(memory, "window_then_append", "c", make_turn(0, 1))
    # Then the read gives the conversation as it was, and the append is done once
    assert (appended.seq, appended.length) == (6, 6)
    assert [m.id for m in window.messages] == [m.id for m in make_turn(0, 0)]
    memory.close()


def test_forgotten_scripts_go_unnoticed_by_a_run(redis_server: RedisServer) -> None:
    # Given a run
    memory = ConversationMemory(redis_url=redis_server.url)
    memory.append("c", TURN)
    turn, question = memory.turn("c"), HumanMessage("Why?")
    with redis_server.client() as client:
        # When the server forgets the scripts before each of its steps
        client.script_flush()
        turn.begin(question)
        client.script_flush()
        assert [message.id for message in turn.messages] == [message.id for message in TURN]
        turn.add_messages([question, AIMessage("Because.")])
    # Then the run is stored once
    contents = [message.content for message in memory.history("c").messages]
    assert contents[len(TURN) :] == ["Why?", "Because."]
    memory.close()


@both
def test_what_is_read_before_an_append_is_the_same_when_the_reply_is_lost(
    redis_server: RedisServer, call: Call
) -> None:
    with ReplyLosingProxy(redis_server.port) as proxy:
        # Given a conversation of one turn
        memory = ConversationMemory(redis_url=proxy.url)
        call(memory, "window_then_append", "c", make_turn(0, 0))
        # When the reply to a read and append is lost
        proxy.lose_reply_to(b"LRANGE")
        window, appended = call(memory, "window_then_append", "c", make_turn(0, 1))
        # Then the read gives the conversation as it was before, and the append is done once
        assert proxy.lost == 1
        assert appended.seq == 6
        assert [m.id for m in window.messages] == [m.id for m in make_turn(0, 0)]
        memory.close()
