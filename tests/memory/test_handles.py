"""A run's handle: begun, failed, repeated, reused, and whose it is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from openta_memory import (
    ConversationMemory,
    CorruptMessageError,
    OwnerError,
    SessionManager,
    StoreUnavailableError,
    TurnHistory,
    UnserializableMessageError,
)
from openta_memory._echo import new_messages
from openta_memory.embedded import EmbeddedRedis
from openta_memory.testing import turn


@pytest.fixture
def redis() -> EmbeddedRedis:
    return EmbeddedRedis()


@pytest.fixture
def memory(redis: EmbeddedRedis) -> ConversationMemory:
    return ConversationMemory(client=redis.client(), async_client=redis.async_client())


@pytest.fixture(params=["sync", "async"])
def do(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Call a handle's method, in both ways."""

    def call(handle: TurnHistory, name: str, *arguments: Any) -> Any:
        if request.param == "async":
            name = {"messages": "get_messages"}.get(name, name)
            return asyncio.run(getattr(handle, f"a{name}")(*arguments))
        found = getattr(handle, name)
        return found(*arguments) if callable(found) else found

    return call


def texts(memory: ConversationMemory) -> list[str]:
    return [message.text for message in memory.history("c").messages]


Do = Callable[..., Any]


def test_what_is_begun_is_not_shown_and_not_stored_twice(
    memory: ConversationMemory, do: Do
) -> None:
    memory.append("c", turn(0))
    handle = memory.turn("c")
    do(handle, "begin", "q1")
    assert [message.text for message in do(handle, "messages")] == ["question 0", "answer 0"]
    do(handle, "add_messages", [HumanMessage("q1"), AIMessage("a1")])
    assert texts(memory) == ["question 0", "answer 0", "q1", "a1"]


def test_what_is_begun_may_come_back_under_another_id(memory: ConversationMemory, do: Do) -> None:
    # As LangGraph does, which gives every message in its state an id.
    handle = memory.turn("c")
    do(handle, "begin", "q1")
    do(
        handle,
        "add_messages",
        [HumanMessage("q1", id="g1"), HumanMessage("q1", id="g1"), AIMessage("a1")],
    )
    assert texts(memory) == ["q1", "a1"]


def test_a_list_that_is_read_can_be_changed_by_its_reader(
    memory: ConversationMemory, do: Do
) -> None:
    memory.append("c", turn(0))
    handle = memory.turn("c")
    do(handle, "messages").clear()
    assert len(do(handle, "messages")) == 2


def test_interrupted_calls_are_not_shown(memory: ConversationMemory, do: Do) -> None:
    call = {"name": "f", "args": {}, "id": "lost"}
    memory.append("c", [HumanMessage("q"), AIMessage("", tool_calls=[call])])
    assert len(do(memory.turn("c"), "messages")) == 1
    begun = memory.turn("c")
    do(begun, "begin", "q2")
    assert [message.text for message in do(begun, "messages")] == ["q"]


def test_a_second_question_on_a_handle_whose_run_failed_is_stored_too(
    memory: ConversationMemory, do: Do
) -> None:
    handle = memory.turn("c")
    do(handle, "begin", "q1")
    do(handle, "begin", "q2")
    do(handle, "add_messages", [HumanMessage("q2"), AIMessage("a2")])
    assert texts(memory) == ["q1", "q2", "a2"]


def test_a_call_that_is_repeated_stores_once_and_another_one_is_stored_too(
    memory: ConversationMemory, do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = memory.turn("c")
    one, two = [HumanMessage("q1"), AIMessage("a1")], [HumanMessage("q2"), AIMessage("a2")]
    for name in ("_added",):
        monkeypatch.setattr(
            memory, name, lambda *_: (_ for _ in ()).throw(StoreUnavailableError("x"))
        )
    with pytest.raises(StoreUnavailableError):
        do(handle, "add_messages", one)
    assert isinstance(handle.error, StoreUnavailableError)
    monkeypatch.undo()
    do(handle, "add_messages", one)
    assert handle.error is None
    do(handle, "add_messages", two)
    assert texts(memory) == ["q1", "a1", "q2", "a2"]


def test_a_batch_with_other_tool_calls_is_another_batch(
    memory: ConversationMemory, do: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_reply(*_: object) -> None:
        raise StoreUnavailableError("the reply was lost")

    handle = memory.turn("c")
    monkeypatch.setattr(memory, "_added", lose_the_reply)
    with pytest.raises(StoreUnavailableError):
        do(handle, "add_messages", [call_message("")])
    monkeypatch.undo()
    other = AIMessage("", tool_calls=[{"name": "g", "args": {}, "id": "2"}])
    do(handle, "add_messages", [other])
    assert len(memory.history("c").messages) == 2


def test_what_is_no_message_is_told_by_the_handle(memory: ConversationMemory, do: Do) -> None:
    handle = memory.turn("c")
    with pytest.raises(UnserializableMessageError):
        do(handle, "add_messages", ["hi"])
    assert isinstance(handle.error, UnserializableMessageError)
    for wrong in (5, ["hi"], None):
        with pytest.raises(UnserializableMessageError):
            do(handle, "begin", wrong)


def test_a_clear_forgets_what_was_read(memory: ConversationMemory, do: Do) -> None:
    memory.append("c", turn(0))
    handle = memory.turn("c")
    assert len(do(handle, "messages")) == 2
    do(handle, "clear")
    assert do(handle, "messages") == []


def test_a_corrupt_entry_says_that_the_question_was_stored(
    memory: ConversationMemory, redis: EmbeddedRedis, do: Do
) -> None:
    redis.client().rpush("conversation:c", b"broken")
    handle = memory.turn("c")
    for _ in range(2):
        with pytest.raises(CorruptMessageError, match="new messages were stored"):
            do(handle, "begin", "q1")
    assert redis.client().llen("conversation:c") == 2


def test_nothing_to_add_touches_nothing(memory: ConversationMemory, do: Do) -> None:
    do(memory.turn("c"), "add_messages", [])
    do(memory.history("c"), "add_messages", [])
    assert memory.metadata("c") is None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("messages", ()),
        ("window", ()),
        ("begin", ("q",)),
        ("add_messages", (turn(1),)),
        ("trim", (1,)),
        ("metadata", ()),
        ("clear", ()),
    ],
)
@pytest.mark.parametrize("kind", ["history", "turn"])
def test_a_handle_of_another_owner_can_do_nothing(
    memory: ConversationMemory, do: Do, name: str, arguments: tuple[Any, ...], kind: str
) -> None:
    memory.append("c", turn(0), owner="ann")
    handle = getattr(memory, kind)("c", owner="bob")
    if name in dir(type(handle)):
        with pytest.raises(OwnerError):
            do(handle, name, *arguments)
    assert texts(memory) == ["question 0", "answer 0"]


def test_a_session_of_another_owner_can_do_nothing(memory: ConversationMemory) -> None:
    async def use() -> None:
        sessions = SessionManager(memory=memory)
        await sessions.create_session("c", owner="ann")
        for call in (
            sessions.create_session("c", owner="bob"),
            sessions.add_message("c", "q", "a", owner="bob"),
            sessions.get_history("c", owner="bob"),
            sessions.get_metadata("c", owner="bob"),
            sessions.extend_ttl("c", 5, owner="bob"),
            sessions.prune_history("c", 1, owner="bob"),
            sessions.delete_session("c", owner="bob"),
        ):
            with pytest.raises(OwnerError):
                await call
        assert await sessions.get_metadata("c", owner="ann") is not None

    asyncio.run(use())


def call_message(text: str, **given: Any) -> AIMessage:
    return AIMessage(text, tool_calls=[{"name": "f", "args": {"a": text}, "id": "1"}], **given)


H = [HumanMessage("q0", id="h0"), AIMessage("a0", id="h1")]
Q, A = HumanMessage("q1"), AIMessage("a1")
SYSTEM = SystemMessage("be brief")
TOOL = ToolMessage("r", tool_call_id="1")


@pytest.mark.parametrize(
    ("handed", "new"),
    [
        ([Q, A], [Q, A]),
        ([Q, *H, Q, A], [Q, A]),
        ([Q, SYSTEM, *H, Q, A], [Q, A]),
        ([Q, H[1], Q, A], [Q, A]),
        ([*H, Q, A], [Q, A]),
        ([Q, *H, A], [Q, A]),
        ([Q, Q, A], [Q, A]),
        ([Q, H[0].model_copy(update={"content": "edited"}), H[1], Q, A], [Q, A]),
        ([Q, HumanMessage("q0"), AIMessage("a0"), Q, A], [Q, A]),
        (
            [Q, A, ToolMessage("r", tool_call_id="1"), A],
            [Q, A, ToolMessage("r", tool_call_id="1"), A],
        ),
        ([HumanMessage("q0"), AIMessage("a0")], [HumanMessage("q0"), AIMessage("a0")]),
    ],
)
def test_only_what_is_new_of_a_run_is_new(
    handed: list[BaseMessage], new: list[BaseMessage]
) -> None:
    assert new_messages(handed, history=H) == new


@pytest.mark.parametrize(
    "answer", [AIMessage("a0", id="h1"), AIMessage("other", id="h1"), call_message("", id="h1")]
)
def test_an_answer_under_a_known_id_is_new_and_gets_an_id_of_its_own(answer: AIMessage) -> None:
    question, stored = new_messages([Q, answer], history=H)
    assert stored.id != "h1"
    assert stored.model_copy(update={"id": "h1"}) == answer
    assert question is Q


def test_calls_that_differ_only_in_their_arguments_are_two() -> None:
    handed = [Q, call_message("x", id="same"), TOOL, call_message("y", id="same"), TOOL, A]
    stored = new_messages(handed, history=[])
    assert [message.type for message in stored] == ["human", "ai", "tool", "ai", "tool", "ai"]
    assert stored[1].id != stored[3].id


def test_a_long_list_that_is_handed_back_costs_no_time() -> None:
    history = [message for number in range(1000) for message in turn(number)]
    history = [m.model_copy(update={"id": f"id-{place}"}) for place, m in enumerate(history)]
    started = time.perf_counter()
    assert new_messages([Q, *history, Q, A], history=history) == [Q, A]
    assert time.perf_counter() - started < 0.5
