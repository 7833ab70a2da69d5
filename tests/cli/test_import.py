"""`import`: histories written by langchain-community's own class come over whole, once."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from openta_memory import ConversationMemory
from openta_memory.testing import turn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    histories = pytest.importorskip("langchain_community.chat_message_histories.redis")

Run = Callable[..., Any]

TALK: list[BaseMessage] = [
    SystemMessage("Be brief."),
    HumanMessage("ünïcode?", name="ann", additional_kwargs={"lang": "de"}),
    AIMessage("", tool_calls=[{"name": "search", "args": {"q": "x"}, "id": "1"}], id="a-1"),
    ToolMessage("found", tool_call_id="1", artifact={"rows": [1, 2]}),
    AIMessage([{"type": "text", "text": "42"}], response_metadata={"model": "m"}),
]


@pytest.fixture
def leave(redis_url: str) -> Callable[..., None]:
    """Leave a history in Redis as the old class does."""

    def leave(session_id: str, messages: Sequence[BaseMessage] = (), **given: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = histories.RedisChatMessageHistory(session_id, url=redis_url, **given)
        for message in messages or turn(1):
            old.add_message(message)
        old.redis_client.close()

    return leave


Leave = Callable[..., None]


def outcomes(result: Any) -> dict[str, str]:
    return {row["conversation_id"]: row["outcome"] for row in json.loads(result.stdout)}


def without_ids(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    return [message.model_dump(exclude={"id"}) for message in messages]


def texts(memory: ConversationMemory, conversation_id: str) -> list[str]:
    return [message.text for message in memory.window(conversation_id).messages]


def test_a_history_comes_over_in_order_with_every_field(
    run: Run, leave: Leave, memory: ConversationMemory
) -> None:
    leave("user:1/chat 2", TALK)
    result = run("import", "--json")
    assert (outcomes(result), result.exit_code) == ({"user:1/chat 2": "imported"}, 0)
    came = memory.window("user:1/chat 2").messages
    assert without_ids(came) == without_ids(TALK)
    assert came[2].id == "a-1"
    assert [message.text for _, message in memory.archived("user:1/chat 2")][-1] == "42"


def test_a_second_import_stores_nothing_again(
    run: Run, leave: Leave, memory: ConversationMemory, raw: Any
) -> None:
    leave("a")
    leave("b")
    run("import")
    memory.drain()
    raw.delete(*raw.keys("conversation:*"))
    again = run("import", "--json")
    assert outcomes(again) == {"a": "skipped", "b": "skipped"}
    assert texts(memory, "a") == texts(memory, "b") == ["question 1", "answer 1"]
    assert len(memory.archived("a")) == 2


def test_a_conversation_that_holds_messages_is_left_alone_and_that_is_said(
    run: Run, leave: Leave, memory: ConversationMemory
) -> None:
    leave("a")
    memory.append("a", turn(7))
    assert "it already holds messages" in run("import").stdout
    assert texts(memory, "a") == ["question 7", "answer 7"]


def test_the_old_lists_stay_as_they_were(run: Run, leave: Leave, raw: Any) -> None:
    leave("a", ttl=500)
    before = raw.lrange("message_store:a", 0, -1)
    run("import")
    assert raw.lrange("message_store:a", 0, -1) == before
    assert 0 < raw.ttl("message_store:a") <= 500


def test_a_dry_run_tells_and_stores_nothing(run: Run, leave: Leave, raw: Any) -> None:
    leave("a")
    before = raw.keys("*")
    assert outcomes(run("import", "--dry-run", "--json")) == {"a": "would be imported"}
    assert raw.keys("*") == before


def test_another_prefix_is_taken_as_it_is_spelled(run: Run, leave: Leave) -> None:
    leave("a", key_prefix="m[1]*:")
    leave("b", key_prefix="m1x:")
    assert outcomes(run("import", "--key-prefix", "m[1]*:", "--json")) == {"a": "imported"}


def test_what_is_no_list_is_no_history(run: Run, redis_url: str, raw: Any) -> None:
    assert redis_url
    raw.set("message_store:text", "x")
    assert outcomes(run("import", "--json")) == {}


def test_one_that_cannot_be_read_is_told_and_stops_no_other(
    run: Run, leave: Leave, memory: ConversationMemory, raw: Any
) -> None:
    leave("good")
    leave("broken")
    raw.lpush("message_store:broken", "secret words, no JSON")
    leave("x" * 300)
    result = run("import", "--json")
    assert result.exit_code == 1
    assert outcomes(result) == {"good": "imported", "broken": "failed", "x" * 300: "failed"}
    assert result.stderr == "openta-memory: 2 of 3 conversations could not be imported\n"
    assert "secret" not in result.output
    assert texts(memory, "good") == ["question 1", "answer 1"]
    assert memory.metadata("broken") is None


def test_more_messages_than_the_cap_are_kept_in_the_archive(
    run: Run, leave: Leave, memory: ConversationMemory
) -> None:
    leave("long", [message for number in range(60) for message in turn(number)])
    assert run("import").stderr == ""
    assert len(memory.window("long").messages) == 50
    assert len(memory.archived("long", limit=500)) == 120


def test_without_an_archive_it_is_said_what_the_cap_cut(run: Run, leave: Leave) -> None:
    leave("long", [message for number in range(60) for message in turn(number)])
    leave("short")
    result = run("import", "--json")
    reasons = {row["conversation_id"]: row["reason"] for row in json.loads(result.stdout)}
    assert reasons == {"long": "only its last 50 messages are kept", "short": None}
    assert result.stderr.startswith("openta-memory: of 1 conversations, only the last messages")
    assert result.exit_code == 0
