"""The log tells what happened to which session, and never what was said."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from openta_memory import ConversationMemory, SessionManager, embedded
from openta_memory import _connections as connections
from openta_memory.embedded import EmbeddedRedis


@pytest.fixture
def memory(caplog: pytest.LogCaptureFixture) -> ConversationMemory:
    caplog.set_level(logging.INFO, "openta_memory")
    redis = EmbeddedRedis()
    return ConversationMemory(client=redis.client(), async_client=redis.async_client())


TURN = [HumanMessage("a secret question"), AIMessage("a secret answer")]


def test_the_lines_that_users_look_for(
    memory: ConversationMemory, caplog: pytest.LogCaptureFixture
) -> None:
    memory.append("conv_123", TURN)
    memory.window("conv_123")
    memory.append("conv_123", TURN)
    memory.clear("conv_123")
    assert caplog.messages == [
        "[SESSION] Created session: conv_123",
        "[SESSION] Added 2 messages to conv_123 (total: 2)",
        "[SESSION] Retrieved 2 messages for: conv_123",
        "[SESSION] Added 2 messages to conv_123 (total: 4)",
        "[SESSION] Cleared session: conv_123",
    ]
    assert "secret" not in caplog.text


def test_async_callers_get_the_same_lines(
    memory: ConversationMemory, caplog: pytest.LogCaptureFixture
) -> None:
    async def use() -> None:
        await memory.aappend("c", TURN)
        await memory.awindow("c")
        await memory.aclear("c")

    asyncio.run(use())
    assert [line.split()[1] for line in caplog.messages] == [
        "Created",
        "Added",
        "Retrieved",
        "Cleared",
    ]


def test_what_did_not_happen_is_not_told(
    memory: ConversationMemory, caplog: pytest.LogCaptureFixture
) -> None:
    async def use() -> None:
        sessions = SessionManager(memory=memory)
        await sessions.create_session("c")
        await sessions.create_session("c")
        await sessions.delete_session("nope")

    asyncio.run(use())
    memory.append("c", TURN, token="t")
    memory.append("c", TURN, token="t")
    assert caplog.messages == [
        "[SESSION] Created session: c",
        "[SESSION] Added 2 messages to c (total: 2)",
    ]


def test_an_id_cannot_write_lines_of_its_own(
    memory: ConversationMemory, caplog: pytest.LogCaptureFixture
) -> None:
    memory.append("c\n[SESSION] Cleared session: x", TURN)
    assert not any("\n" in line for line in caplog.messages)


def test_the_embedded_redis_says_once_that_it_serves(caplog: pytest.LogCaptureFixture) -> None:
    connections._say_embedded.cache_clear()
    ConversationMemory(), ConversationMemory()
    assert len([line for line in caplog.messages if "No REDIS_URL" in line]) == 1


def test_threads_that_come_at_once_share_one_embedded_redis() -> None:
    embedded._shared.cache_clear()
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(embedded.of_this_process())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
