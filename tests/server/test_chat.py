"""`POST /chat/basic`: what it answers, what it stores, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from support.openai_server import Fail, OpenAIServer
from support.redis_server import RedisServer

from openta_agents import Assistant

Connect = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

TOPIC = "What is machine learning?"
FOLLOW_UP = "Can you give me an example?"


def posted(connect: Connect, *bodies: object, **settings: object) -> list[httpx.Response]:
    """Post one body after the other to one service."""

    async def run() -> list[httpx.Response]:
        async with connect(**settings) as client:
            return [await client.post("/chat/basic", json=body) for body in bodies]

    return asyncio.run(run())


def posted_raw(connect: Connect, body: bytes) -> httpx.Response:
    """Post these bytes as JSON."""

    async def run() -> httpx.Response:
        async with connect() as client:
            headers = {"content-type": "application/json"}
            return await client.post("/chat/basic", content=body, headers=headers)

    return asyncio.run(run())


def question(query: str, **meta_params: object) -> dict[str, object]:
    return {"query": query, "meta_params": meta_params}


def assert_problem(response: httpx.Response, status: int, *names: str) -> None:
    """Check for a problem document whose detail holds these words."""
    problem = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["status"] == status
    for name in names:
        assert name in problem["detail"]


def test_a_question_without_meta_params_is_answered(connect: Connect) -> None:
    (response,) = posted(connect, {"query": TOPIC})
    answer = response.json()
    assert response.status_code == 200
    assert set(answer) == {
        *("answer", "sources", "citations", "conversation_id", "message_id", "search_query")
    }
    assert answer["answer"].startswith("Machine learning is")
    assert answer["sources"] == [citation["id"] for citation in answer["citations"]] != []
    first = answer["citations"][0]
    assert set(first) == {"number", "id", "title", "authors", "year", "url"}
    assert f"[{first['number']}]" in answer["answer"]


def test_all_meta_params_are_taken(connect: Connect) -> None:
    params = {"stream": False, "conversation_id": "all", "language": "en", "is_incognito": False}
    more = {"mode": "basic", "timezone": "Europe/Berlin", "source_preference": "only_papers"}
    (response,) = posted(connect, question(TOPIC, **params, **more))
    assert response.status_code == 200
    assert response.json()["conversation_id"] == "all"


def test_a_new_conversation_is_named_and_goes_on_by_its_name(connect: Connect) -> None:
    async def run() -> tuple[Any, Any]:
        async with connect() as client:
            first = (await client.post("/chat/basic", json={"query": TOPIC})).json()
            follow_up = question(FOLLOW_UP, conversation_id=first["conversation_id"])
            return first, (await client.post("/chat/basic", json=follow_up)).json()

    first, second = asyncio.run(run())
    assert first["conversation_id"].startswith("conv_")
    assert second["conversation_id"] == first["conversation_id"]
    assert second["answer"].startswith("Following up on machine learning")
    assert second["search_query"] == "machine learning"
    assert second["sources"]


def test_conversations_without_a_name_stay_apart(connect: Connect) -> None:
    first, second = posted(connect, {"query": TOPIC}, {"query": FOLLOW_UP})
    assert first.json()["conversation_id"] != second.json()["conversation_id"]
    assert "Following up" not in second.json()["answer"]


def test_incognito_reads_nothing_and_stores_nothing(
    connect: Connect, redis_server: RedisServer
) -> None:
    bodies = [
        question(TOPIC, conversation_id="known"),
        question(FOLLOW_UP, conversation_id="known", is_incognito=True),
        question(TOPIC, conversation_id="unknown", is_incognito=True),
    ]
    _, known, unknown = posted(connect, *bodies, redis_url=redis_server.url)
    with redis_server.client() as client:
        assert client.llen("conversation:known") == 2
        assert sorted(client.keys()) == [b"conversation:known", b"conversation:meta:known"]
    assert "Following up" not in known.json()["answer"]
    assert known.json()["message_id"] is None
    assert unknown.json()["conversation_id"] == "unknown"


def test_a_stream_is_refused_until_it_is_built_and_nothing_is_stored(
    connect: Connect, redis_server: RedisServer
) -> None:
    (response,) = posted(connect, question(TOPIC, stream=True), redis_url=redis_server.url)
    assert_problem(response, 501, "later", '"stream": false')
    with redis_server.client() as client:
        assert client.keys() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "query"),
        (question(""), "query"),
        (question(" \n"), "query"),
        (question("x\ud800"), "query"),
        ({"query": 1}, "query"),
        ({"query": TOPIC, "colour": "red"}, "colour"),
        (question(TOPIC, colour="red"), "meta_params.colour"),
        (question(TOPIC, stream="perhaps"), "meta_params.stream"),
        (question(TOPIC, conversation_id=""), "meta_params.conversation_id"),
        (question(TOPIC, language="e" * 65), "meta_params.language"),
        ([TOPIC], "body"),
        ({"\ud800": 1}, "body"),
    ],
)
def test_a_wrong_field_is_refused_by_its_name(connect: Connect, body: object, field: str) -> None:
    response = posted_raw(connect, json.dumps(body).encode())
    assert_problem(response, 422, f"{field}: ")
    assert response.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("body", [b"", b"{", b'{"query": "secret'])
def test_a_body_that_is_no_json_is_refused(connect: Connect, body: bytes) -> None:
    response = posted_raw(connect, body)
    assert_problem(response, 422, "body: ")
    assert "secret" not in response.text


def test_a_wrong_field_is_refused_without_repeating_what_was_said(connect: Connect) -> None:
    (response,) = posted(connect, question("my secret", stream="my secret"))
    assert_problem(response, 422)
    assert "secret" not in response.text


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"language": "no language"}, "BCP 47"),
        ({"source_preference": "papers"}, "source_preference: "),
        ({"timezone": "Mars/Base"}, "timezone: "),
        ({"mode": "shallow"}, "mode: "),
        ({"mode": "deep"}, "set OPENTA_MODEL"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_and_nothing_is_stored(
    connect: Connect, redis_server: RedisServer, params: dict[str, str], named: str
) -> None:
    (response,) = posted(connect, question(TOPIC, **params), redis_url=redis_server.url)
    assert_problem(response, 422, named)
    with redis_server.client() as client:
        assert client.keys() == []


def test_an_answer_is_in_the_language_asked_for(connect: Connect) -> None:
    (response,) = posted(connect, question("Apa itu pembelajaran mesin?", language="id-ID"))
    assert response.json()["answer"].startswith("Pembelajaran mesin adalah")


def test_a_model_that_fails_is_a_problem_that_tells_nothing_and_the_question_is_kept(
    connect: Connect, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with OpenAIServer([Fail(500)]) as server:
        args = json.dumps({"base_url": server.url, "api_key": "sk-secret"})
        monkeypatch.setenv("OPENTA_MODEL", "openai:some-model")
        monkeypatch.setenv("OPENTA_MODEL_ARGS", args)
        monkeypatch.setenv("OPENTA_MODEL_RETRIES", "0")
        asked = question(TOPIC, conversation_id="kept")
        (response,) = posted(connect, asked, redis_url=redis_server.url)
    assert_problem(response, 502, "The question is kept")
    assert "some-model" not in response.text
    with redis_server.client() as client:
        assert client.llen("conversation:kept") == 1


def test_an_id_that_is_too_long_is_refused(connect: Connect) -> None:
    (response,) = posted(connect, question(TOPIC, conversation_id="x" * 257))
    assert_problem(response, 422, "257 bytes", "at most 256")


def test_a_question_that_is_too_long_is_refused_and_nothing_is_stored(
    connect: Connect, redis_server: RedisServer
) -> None:
    settings = {"redis_url": redis_server.url, "max_message_bytes": 1000}
    (response,) = posted(connect, question("secret " * 200), **settings)
    assert_problem(response, 413, "too long")
    assert "secret" not in response.text
    with redis_server.client() as client:
        assert client.keys() == []


def test_a_key_of_another_type_is_a_problem_and_stays_as_it_is(
    connect: Connect, redis_server: RedisServer
) -> None:
    with redis_server.client() as client:
        client.set("conversation:taken", "mine")
        (response,) = posted(
            connect, question(TOPIC, conversation_id="taken"), redis_url=redis_server.url
        )
        assert_problem(response, 500)
        assert client.get("conversation:taken") == b"mine"


def test_a_corrupt_entry_does_not_end_the_conversation(
    connect: Connect, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    posted(connect, question(TOPIC, conversation_id="c"), redis_url=redis_server.url)
    with redis_server.client() as client:
        client.rpush("conversation:c", b"{broken")
        (response,) = posted(
            connect, question(FOLLOW_UP, conversation_id="c"), redis_url=redis_server.url
        )
        assert b"{broken" in client.lrange("conversation:c", 0, -1)
    assert response.json()["answer"].startswith("Following up")
    assert any("conversation:c" in record.message for record in caplog.records)


def test_a_bug_is_a_problem_that_tells_nothing(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(Assistant, "answer", broken)
    (response,) = posted(connect, {"query": TOPIC})
    assert_problem(response, 500)
    assert "inside" not in response.text


@pytest.mark.parametrize(
    ("send", "status"),
    [
        (lambda client: client.get("/nowhere"), 404),
        (lambda client: client.get("/chat/basic"), 405),
        (lambda client: client.get("/docs"), 404),
    ],
)
def test_a_wrong_address_or_method_is_a_problem(
    connect: Connect, send: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]], status: int
) -> None:
    async def run() -> httpx.Response:
        async with connect() as client:
            return await send(client)

    assert_problem(asyncio.run(run()), status)


def test_what_is_said_is_never_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    (response,) = posted(connect, question("What is a secret transformer?", conversation_id="l"))
    assert response.status_code == 200
    assert any("[SESSION] Created session: l" in message for message in caplog.messages)
    assert not [message for message in caplog.messages if "secret" in message]
    assert not [message for message in caplog.messages if "attention" in message]
