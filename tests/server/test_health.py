"""`/health`: alive is about the process, ready is about the conversations."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
from support.redis_server import RedisServer

from openta_memory import StoreUnavailableError

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


def test_with_the_embedded_redis_it_is_live_and_ready(connect: Connect) -> None:
    async def run() -> list[int]:
        async with connect() as client:
            paths = ["/health/live", "/health/ready"]
            return [(await client.get(path)).status_code for path in paths]

    assert asyncio.run(run()) == [200, 200]


def test_ready_is_a_problem_while_redis_is_gone_and_fine_when_it_is_back(
    connect: Connect, start_redis: Callable[..., RedisServer]
) -> None:
    server = start_redis()

    async def run() -> None:
        async with connect(redis_url=server.url) as client:
            assert (await client.get("/health/ready")).status_code == 200
            server.kill()
            gone = await client.get("/health/ready")
            assert gone.status_code == 503
            assert gone.headers["content-type"] == "application/problem+json"
            assert str(server.port) not in gone.text
            assert (await client.get("/health/live")).status_code == 200
            server.start()
            assert (await client.get("/health/ready")).status_code == 200

    asyncio.run(run())


def test_with_an_archive_it_is_degraded_and_chats_on_while_redis_is_gone(
    connect: Connect,
    start_redis: Callable[..., RedisServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openta_memory.archive.outage.PROBE_SECONDS", 0.05)
    server = start_redis()
    database = f"sqlite:///{tmp_path}/a.db"

    async def run() -> None:
        async with connect(redis_url=server.url, database_url=database) as client:
            ready = await client.get("/health/ready")
            assert ready.json() == {"status": "ready", "redis": True, "archive": True, "waiting": 0}
            server.kill()
            gone = await client.get("/health/ready")
            assert gone.status_code == 200
            assert gone.json() | {"status": "degraded", "redis": False} == gone.json()
            # When two turns are said meanwhile
            first = (await client.post("/chat/basic", json=ask("What is BM25?"))).json()
            conversation = first["conversation_id"]
            second = await client.post("/chat/basic", json=ask("And an example?", conversation))
            assert second.status_code == 200
            server.start()
            await until_ready(client)
            # Then the next one follows up on them
            third = await client.post("/chat/basic", json=ask("Tell me more", conversation))
            assert "BM25" in third.json()["search_query"]

    asyncio.run(run())


def ask(query: str, conversation_id: str | None = None) -> dict[str, object]:
    return {"query": query, "meta_params": {"conversation_id": conversation_id}}


async def until_ready(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        if (await client.get("/health/ready")).json()["status"] == "ready":
            return
        await asyncio.sleep(0.05)
    pytest.fail("it did not find Redis again")


def test_chat_is_a_problem_while_redis_is_gone_and_goes_on_when_it_is_back(
    connect: Connect, start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis()
    body = {"query": "What is a transformer?"}

    async def run() -> list[httpx.Response]:
        async with connect(redis_url=server.url) as client:
            server.kill()
            gone = await client.post("/chat/basic", json=body)
            server.start()
            return [gone, await client.post("/chat/basic", json=body)]

    gone, back = asyncio.run(run())
    assert gone.status_code == 503
    assert "transformer" not in gone.text
    assert any(f"redis://127.0.0.1:{server.port}" in message for message in caplog.messages)
    assert back.status_code == 200


def test_a_redis_that_hangs_does_not_hold_up_other_requests(
    connect: Connect, start_redis: Callable[..., RedisServer]
) -> None:
    server = start_redis()

    async def run() -> float:
        async with connect(redis_url=server.url) as client:
            server.pause()
            waiting = asyncio.create_task(client.get("/health/ready"))
            await asyncio.sleep(0.2)
            began = time.monotonic()
            assert (await client.get("/health/live")).status_code == 200
            took = time.monotonic() - began
            assert (await waiting).status_code == 503
            server.resume()
            return took

    assert asyncio.run(run()) < 1


def test_without_its_redis_the_service_does_not_start(connect: Connect) -> None:
    async def run() -> None:
        async with connect(redis_url="redis://:secret@127.0.0.1:1"):
            pytest.fail("it started")

    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1 ") as raised:
        asyncio.run(run())
    assert "secret" not in str(raised.value)


def test_without_its_redis_the_service_starts_where_an_archive_serves(
    connect: Connect, tmp_path: Path
) -> None:
    async def run() -> dict[str, object]:
        database = f"sqlite:///{tmp_path}/a.db"
        async with connect(redis_url="redis://127.0.0.1:1", database_url=database) as client:
            found: dict[str, object] = (await client.get("/health/ready")).json()
            return found

    assert asyncio.run(run())["status"] == "degraded"
