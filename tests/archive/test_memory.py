"""A memory with an archive: nothing that was archived is lost when Redis forgets."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from langchain_core.messages import HumanMessage
from support.redis_server import RedisServer

from openta_memory import (
    ConversationMemory,
    OwnerError,
    SessionManager,
    SettingsError,
)
from openta_memory.embedded import EmbeddedRedis
from openta_memory.testing import turn

LIST, META, OUTBOX = "conversation:c", "conversation:meta:c", "openta:outbox"


Build = Callable[..., ConversationMemory]


def texts(memory: ConversationMemory, **given: Any) -> list[str]:
    return [message.text for message in memory.window("c", **given).messages]


def forget_all(raw: Any) -> None:
    raw.flushall()


def forget_messages(raw: Any) -> None:
    raw.delete(LIST)


def forget_meta(raw: Any) -> None:
    raw.delete(META)


@pytest.fixture(params=[forget_all, forget_messages, forget_meta])
def forget(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Make Redis lose a conversation, whole or one of its keys."""
    found: Callable[[Any], None] = request.param
    return found


def test_what_redis_forgot_is_restored_by_the_next_read(
    build: Build, raw: Any, forget: Callable[[Any], None]
) -> None:
    memory = build(max_messages=4, ttl=60)
    for number in range(3):
        memory.append("c", turn(number), owner="ann")
    memory.drain()
    before = memory.metadata("c")
    forget(raw)
    assert texts(memory, owner="ann") == ["question 1", "answer 1", "question 2", "answer 2"]
    assert memory.metadata("c") == before
    assert 0 < raw.ttl(LIST) <= 60
    assert raw.ttl(LIST) == raw.ttl(META)


def test_what_redis_forgot_is_restored_by_the_next_append_and_counted_on(
    build: Build, raw: Any, forget: Callable[[Any], None]
) -> None:
    memory = build()
    memory.append("c", turn(1), owner="ann")
    memory.drain()
    forget(raw)
    assert memory.append("c", turn(2), owner="ann").seq == 4
    assert texts(memory) == ["question 1", "answer 1", "question 2", "answer 2"]


def test_async_callers_are_served_alike_on_any_loop(build: Build, raw: Any) -> None:
    memory = build()

    async def use(number: int) -> list[str]:
        await memory.aappend("c", turn(number))
        await memory.adrain()
        raw.flushall()
        return [message.text for message in (await memory.awindow("c")).messages]

    assert asyncio.run(use(1)) == ["question 1", "answer 1"]
    assert asyncio.run(use(2))[-2:] == ["question 2", "answer 2"]


def test_nobody_else_gets_what_was_restored(
    build: Build, raw: Any, forget: Callable[[Any], None]
) -> None:
    memory = build()
    memory.append("c", turn(1), owner="ann")
    memory.drain()
    forget(raw)
    for call in (
        lambda: memory.window("c", owner="bob"),
        lambda: memory.append("c", turn(2), owner="bob"),
        lambda: memory.clear("c", owner="bob"),
        lambda: memory.archived("c", owner="bob"),
    ):
        with pytest.raises(OwnerError):
            call()
    assert texts(memory, owner="ann") == ["question 1", "answer 1"]


def test_what_waits_on_the_outbox_is_archived_before_a_restore(build: Build, raw: Any) -> None:
    memory = build()
    memory.append("c", turn(1))
    raw.delete(LIST, META)
    assert texts(memory) == ["question 1", "answer 1"]
    assert raw.xlen(OUTBOX) == 0


def test_with_no_interval_nothing_acknowledged_is_lost_when_redis_is_emptied(
    build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_INTERVAL", "0")
    memory = build()
    for number in range(3):
        memory.append("c", turn(number))
        raw.flushall()
    assert [number for number, _ in memory.archived("c")] == [1, 2, 3, 4, 5, 6]


def test_the_embedded_redis_archives_before_it_acknowledges(tmp_path: Path) -> None:
    memory = ConversationMemory(database=f"sqlite:///{tmp_path / 'a.db'}")
    memory.clear("embedded-c")
    memory.append("embedded-c", turn(1))
    with sqlite3.connect(tmp_path / "a.db") as database:
        (count,) = database.execute("SELECT count(*) FROM messages").fetchone()
    database.close()
    assert count == 2
    memory.close()


def test_a_later_process_finds_what_an_earlier_one_said(url: str) -> None:
    for number in (1, 2):
        redis = EmbeddedRedis()
        memory = ConversationMemory(
            client=redis.client(), async_client=redis.async_client(), database=url
        )
        memory.append("c", turn(number))
        memory.close()
    redis = EmbeddedRedis()
    memory = ConversationMemory(
        client=redis.client(), async_client=redis.async_client(), database=url
    )
    assert texts(memory) == ["question 1", "answer 1", "question 2", "answer 2"]
    memory.close()


def test_all_that_was_said_can_be_paged_past_the_cap(build: Build) -> None:
    memory = build(max_messages=2)
    for number in range(5):
        memory.append("c", turn(number))
    history, pages, before = memory.history("c"), [], None
    while page := history.archived(before=before, limit=4):
        pages.append([message.text for _, message in page])
        before = page[0][0]
    assert [len(page) for page in pages] == [4, 4, 2]
    assert [text for page in reversed(pages) for text in page] == [
        text for number in range(5) for text in (f"question {number}", f"answer {number}")
    ]
    assert len(history.messages) == 2


def test_a_clear_empties_both_and_nothing_brings_it_back(build: Build, raw: Any) -> None:
    memory = build()
    memory.append("c", turn(1), owner="ann")
    memory.drain()
    memory.append("c", turn(2), owner="ann")
    assert memory.clear("c", owner="ann") is True
    assert texts(memory) == []
    assert memory.archived("c") == []
    assert memory.clear("c") is False
    assert memory.append("c", turn(3), owner="bob").seq == 2
    memory.drain()
    raw.flushall()
    assert texts(memory, owner="bob") == ["question 3", "answer 3"]


def test_a_clear_reaches_what_only_the_archive_has(build: Build, raw: Any) -> None:
    memory = build()
    memory.append("c", turn(1))
    memory.drain()
    raw.flushall()
    assert memory.clear("c") is True
    assert memory.archived("c") == []


def test_a_restore_begins_at_a_turn(build: Build, raw: Any) -> None:
    memory = build(max_messages=5)
    for number in range(3):
        memory.append("c", turn(number, calls=1))
    memory.drain()
    raw.flushall()
    assert texts(memory) == ["question 2", "", "result", "answer 2"]


def test_a_memory_that_closes_archives_what_waits(build: Build, raw: Any) -> None:
    memory = build()
    memory.append("c", turn(1))
    memory.drain()
    memory.append("c", turn(2))
    memory.close()
    assert raw.xlen(OUTBOX) == 0


def test_what_waits_is_archived_by_itself_when_asked_for(
    build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTO_SYNC_TO_DB", "true")
    monkeypatch.setenv("SYNC_INTERVAL", "0.05")
    memory = build()
    memory.append("c", turn(1))
    for _ in range(100):
        if raw.xlen(OUTBOX) == 0:
            break
        asyncio.run(asyncio.sleep(0.05))
    assert raw.xlen(OUTBOX) == 0


def test_sessions_keep_their_turns_in_the_database(build: Build, raw: Any) -> None:
    memory = build()
    sessions = SessionManager(memory=memory)

    async def use() -> None:
        await sessions.add_message("c", "q", "a", ["Paper_001"])
        assert await sessions.sync_to_database() >= 1
        raw.flushall()
        (loaded,) = await sessions.load_from_database("c")
        (served,) = await sessions.get_history("c")
        assert loaded["sources"] == served["sources"] == ["Paper_001"]

    asyncio.run(use())


def test_without_an_archive_there_is_none_to_ask() -> None:
    memory = ConversationMemory(client=EmbeddedRedis().client())
    for call in (memory.drain, lambda: memory.archived("c")):
        with pytest.raises(SettingsError, match="set DATABASE_URL"):
            call()


def test_ten_readers_at_once_restore_one_conversation(build: Build, raw: Any) -> None:
    memory = build()
    memory.append("c", [HumanMessage(str(number)) for number in range(40)])
    memory.drain()
    raw.flushall()

    async def read() -> list[int]:
        windows = await asyncio.gather(*(memory.awindow("c") for _ in range(10)))
        return [len(window.messages) for window in windows]

    assert asyncio.run(read()) == [40] * 10
    assert raw.llen(LIST) == 40


def test_clients_that_are_handed_in_serve_the_archive_too(
    redis_server: RedisServer, url: str
) -> None:
    # Given clients of the caller's, the asynchronous one bound to the caller's loop
    client = redis_server.client()

    async def use() -> list[str]:
        async_client = redis.asyncio.Redis.from_url(redis_server.url)
        memory = ConversationMemory(client=client, async_client=async_client, database=url)
        await memory.aappend("c", turn(1))
        await memory.adrain()
        client.flushall()
        found = [message.text for message in (await memory.awindow("c")).messages]
        await memory.aclose()
        # Then both are still the caller's to use
        assert await async_client.ping()
        await async_client.aclose()
        return found

    assert asyncio.run(use()) == ["question 1", "answer 1"]
    assert client.ping()
    client.close()


WITHOUT_SQLALCHEMY = """
import sys
sys.modules["sqlalchemy"] = None
from openta_memory import ConversationMemory, MissingExtraError
try:
    ConversationMemory(redis_url="redis://127.0.0.1:1", database="sqlite:///a.db")
except MissingExtraError as error:
    print(error)
"""


def test_an_archive_without_its_packages_names_the_pip_line() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SQLALCHEMY], capture_output=True, text=True, check=False
    )
    assert 'pip install "openta-memory[archive]"' in done.stdout, done.stderr
