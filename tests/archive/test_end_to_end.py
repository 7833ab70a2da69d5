"""From an append in Redis to a row that people query, on both databases."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from support.redis_server import RedisServer

from openta_memory import ConversationMemory, SessionManager
from openta_memory.archive.engines import build_engine

VIEW = text(
    "SELECT question, answer, sources FROM conversation_messages "
    "WHERE conversation_id = 'conv_123' ORDER BY timestamp"
)


def test_questions_answers_and_sources_can_be_queried(redis_server: RedisServer, url: str) -> None:
    sessions = SessionManager(redis_url=redis_server.url, db_client=url)

    async def chat() -> list[tuple[str, str, list[str]]]:
        await sessions.add_message("conv_123", "What is ML?", "Learning.", ["Paper_001"])
        await sessions.add_message("conv_123", "An example?", "Spam filters.", ["Paper_002"])
        assert await sessions.sync_to_database() == 2
        engine = build_engine(url)
        async with engine.connect() as connection:
            rows = (await connection.execute(VIEW)).all()
        await engine.dispose()
        await sessions.aclose()
        return [(question, answer, json.loads(sources)) for question, answer, sources in rows]

    assert asyncio.run(chat()) == [
        ("What is ML?", "Learning.", ["Paper_001"]),
        ("An example?", "Spam filters.", ["Paper_002"]),
    ]


def test_a_redis_killed_and_restarted_empty_gets_its_conversations_back(
    start_redis: Callable[..., RedisServer], url: str
) -> None:
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url, database=url)
    sessions = SessionManager(memory=memory)

    async def chat(question: str) -> list[str]:
        await sessions.add_message("c", question, "a")
        await memory.adrain()
        return [turn["question"] for turn in await sessions.get_history("c")]

    assert asyncio.run(chat("q1")) == ["q1"]
    server.kill()
    server.start()
    assert asyncio.run(chat("q2")) == ["q1", "q2"]
    memory.close()


def test_an_engine_that_is_handed_in_stays_open(
    redis_server: RedisServer, url: str, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    engine = create_async_engine(build_engine(url).url)
    memory = ConversationMemory(redis_url=redis_server.url, database=engine)
    memory.append("c", [])
    memory.close()

    async def still_open() -> int:
        async with engine.connect() as connection:
            found = (await connection.execute(text("SELECT 1"))).scalar_one()
        await engine.dispose()
        return int(found)

    assert asyncio.run(still_open()) == 1
