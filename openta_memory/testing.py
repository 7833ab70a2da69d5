"""Contract tests: what every Redis, real or embedded, must do under this memory.

Subclass `MemoryContract` in a test module of yours and say how to connect::

    class TestMyRedis(MemoryContract):
        @pytest.fixture
        def connection(self):
            return {"redis_url": "redis://localhost:6379"}

Every test then runs twice, over the sync and the async methods, on conversations of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

try:
    import pytest
except ImportError:
    from openta_memory.errors import MissingExtraError

    raise MissingExtraError(
        'the contract tests need pytest, run: pip install "openta-memory[testing]"'
    ) from None

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from openta_memory.errors import (
    MessageTooLargeError,
    OwnerError,
    SessionIdError,
    UnserializableMessageError,
)
from openta_memory.memory import ConversationMemory

EVERY_FIELD: tuple[BaseMessage, ...] = (
    HumanMessage(
        "héllo \u2028 \U0001f600", id="h1", name="ann", additional_kwargs={"a": [{"b": 1}]}
    ),
    HumanMessage([{"type": "text", "text": "see"}, {"type": "image", "url": "x"}], id="h2", note=7),
    AIMessage(
        "",
        id="a1",
        tool_calls=[{"name": "search", "args": {"q": "ml", "n": 3}, "id": "call_1"}],
        invalid_tool_calls=[{"name": "bad", "args": "{", "id": "call_2", "error": "no JSON"}],
        usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        response_metadata={"model_name": "m", "logprobs": None, "score": 0.1},
        additional_kwargs={"sources": ["Paper_001"]},
    ),
    ToolMessage(
        "found",
        id="t1",
        tool_call_id="call_1",
        name="search",
        artifact={"ids": [1, 2]},
        status="error",
    ),
    SystemMessage("be brief", id="s1"),
    ChatMessage(content="hm", id="c1", role="critic"),
    FunctionMessage(content="4", id="f1", name="add"),
    RemoveMessage(id="h1"),
)


def turn(number: int, *, calls: int = 0) -> list[BaseMessage]:
    """Make one turn: a question, tool calls with their results, an answer."""
    messages: list[BaseMessage] = [HumanMessage(f"question {number}")]
    for call in range(calls):
        call_id = f"call_{number}_{call}"
        messages.append(AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": call_id}]))
        messages.append(ToolMessage("result", tool_call_id=call_id))
    return [*messages, AIMessage(f"answer {number}")]


class _Awaited:
    """Gives the async methods of a memory or history under their sync names, run to their end."""

    def __init__(self, target: Any, runner: asyncio.Runner) -> None:
        self._target, self._runner = target, runner

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, f"a{name}")
        return lambda *args, **kwargs: self._runner.run(method(*args, **kwargs))

    def history(self, *args: Any, **kwargs: Any) -> _Awaited:
        return _Awaited(self._target.history(*args, **kwargs), self._runner)

    @property
    def messages(self) -> list[BaseMessage]:
        return self._runner.run(self._target.aget_messages())


class MemoryContract:
    """The promises of `ConversationMemory` that depend on the Redis behind it."""

    @pytest.fixture
    def connection(self) -> dict[str, Any]:
        """Say how to connect: arguments for `ConversationMemory`."""
        raise NotImplementedError("define a fixture `connection` in your subclass")

    @pytest.fixture(params=["sync", "async"])
    def build(
        self, request: pytest.FixtureRequest, connection: dict[str, Any]
    ) -> Iterator[Callable[..., Any]]:
        """Give a function that builds a memory with the settings it is told."""
        with asyncio.Runner() as runner:

            def build(**settings: Any) -> Any:
                memory = ConversationMemory(**connection, **settings)
                return memory if request.param == "sync" else _Awaited(memory, runner)

            yield build

    @pytest.fixture
    def conversation(self) -> str:
        """Give an id that no other test uses."""
        return f"contract-{uuid4().hex}"

    def test_every_field_of_every_message_class_comes_back_equal(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        memory.append(conversation, EVERY_FIELD)
        read = memory.window(conversation).messages
        assert [type(message) for message in read] == [type(message) for message in EVERY_FIELD]
        assert [message.model_dump() for message in read] == [m.model_dump() for m in EVERY_FIELD]
        assert read == list(EVERY_FIELD)

    def test_a_streamed_chunk_is_stored_as_the_message_it_completes(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        chunk = AIMessageChunk(content="Hel", id="r") + AIMessageChunk(content="lo", id="r")
        memory.append(conversation, [HumanMessage("hi"), chunk])
        read = memory.history(conversation).messages[1]
        assert type(read) is AIMessage
        assert (read.content, read.id) == ("Hello", "r")

    def test_a_message_without_an_id_gets_one_of_its_own(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        memory.append(conversation, turn(1))
        ids = [message.id for message in memory.history(conversation).messages]
        assert all(ids)
        assert len(set(ids)) == len(ids)

    def test_an_unknown_conversation_is_empty_and_has_no_metadata(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        assert memory.window(conversation).messages == []
        assert memory.metadata(conversation) is None
        assert memory.clear(conversation) is False

    def test_the_cap_drops_whole_turns_from_the_front(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build(max_messages=5)
        for number in range(4):
            appended = memory.append(conversation, turn(number))
        assert _texts(memory, conversation) == ["question 2", "answer 2", "question 3", "answer 3"]
        assert (appended.seq, appended.length) == (8, 4)

    def test_the_cap_never_leaves_a_tool_result_without_its_call(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build(max_messages=4)
        memory.append(conversation, turn(1, calls=3))
        kinds = [message.type for message in memory.history(conversation).messages]
        assert kinds == ["ai", "tool", "ai"]

    def test_a_limit_gives_whole_turns_only(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        for number in range(3):
            memory.append(conversation, turn(number, calls=1))
        texts = [message.text for message in memory.window(conversation, limit=6).messages]
        assert texts == ["question 2", "", "result", "answer 2"]

    def test_no_cap_keeps_everything(self, build: Callable[..., Any], conversation: str) -> None:
        memory = build(max_messages=0)
        memory.append(conversation, [HumanMessage(str(number)) for number in range(2500)])
        assert _texts(memory, conversation) == [str(number) for number in range(2500)]

    def test_the_same_token_stores_once_and_tells_what_was_done_then(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        first = memory.append(conversation, turn(1), token="request-1")
        memory.append(conversation, turn(2))
        again = memory.append(conversation, turn(1), token="request-1")
        assert (again.seq, again.length, again.repeated) == (first.seq, first.length, True)
        assert len(_texts(memory, conversation)) == 4

    def test_a_new_conversation_belongs_to_the_owner_who_is_named(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        memory.append(conversation, turn(1), owner="ann")
        assert memory.metadata(conversation).owner == "ann"
        assert len(memory.window(conversation, owner="ann").messages) == 2
        assert len(memory.window(conversation).messages) == 2, "a trusted caller sees it"

    @pytest.mark.parametrize("founder", ["ann", None])
    def test_nobody_else_can_read_change_or_remove_it(
        self, build: Callable[..., Any], conversation: str, founder: str | None
    ) -> None:
        memory = build()
        memory.append(conversation, turn(1), owner=founder)
        with pytest.raises(OwnerError):
            memory.window(conversation, owner="bob")
        with pytest.raises(OwnerError):
            memory.metadata(conversation, owner="bob")
        with pytest.raises(OwnerError):
            memory.append(conversation, turn(2), owner="bob")
        with pytest.raises(OwnerError):
            memory.trim(conversation, 1, owner="bob")
        with pytest.raises(OwnerError):
            memory.clear(conversation, owner="bob")
        assert _texts(memory, conversation) == ["question 1", "answer 1"]
        assert memory.metadata(conversation).owner == founder

    def test_an_owner_without_a_name_is_nobody_and_no_trusted_caller(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        memory.append(conversation, turn(1), owner="ann")
        for verb, arguments in (
            ("window", ()),
            ("metadata", ()),
            ("append", (turn(2),)),
            ("window_then_append", (turn(2),)),
            ("trim", (1,)),
            ("clear", ()),
        ):
            with pytest.raises(SessionIdError, match="owner"):
                getattr(memory, verb)(conversation, *arguments, owner="")
        assert _texts(memory, conversation) == ["question 1", "answer 1"]

    def test_metadata_tells_when_and_how_much(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build(max_messages=2)
        before = datetime.now(UTC) - timedelta(seconds=5)
        memory.append(conversation, turn(1))
        first = memory.metadata(conversation)
        memory.append(conversation, turn(2))
        second = memory.metadata(conversation)
        assert before < first.created_at <= first.updated_at < before + timedelta(seconds=60)
        assert second.created_at == first.created_at
        assert second.updated_at >= first.updated_at
        assert (second.session_id, second.seq, second.length) == (conversation, 4, 2)
        assert (second.owner, second.title) == (None, None)

    def test_an_append_tells_whether_it_began_the_conversation(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        assert memory.append(conversation, []).created
        assert not memory.append(conversation, turn(1)).created

    def test_what_is_no_message_is_refused_by_its_place(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        for wrong, what in ((["hi"], "message 0 .* is a str"), ("hi", "this is a str")):
            with pytest.raises(UnserializableMessageError, match=what):
                memory.append(conversation, wrong)
            with pytest.raises(UnserializableMessageError, match=what):
                memory.window_then_append(conversation, wrong)
        assert memory.metadata(conversation) is None

    def test_clear_removes_all_and_the_id_can_be_used_anew(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        memory.append(conversation, turn(1), owner="ann")
        assert memory.clear(conversation, owner="ann") is True
        assert memory.metadata(conversation) is None
        assert memory.append(conversation, turn(2), owner="bob").seq == 2
        assert _texts(memory, conversation) == ["question 2", "answer 2"]

    def test_trim_keeps_the_latest_whole_turns(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        for number in range(3):
            memory.append(conversation, turn(number))
        trimmed = memory.trim(conversation, 3)
        assert (trimmed.removed, trimmed.length) == (4, 2)
        assert _texts(memory, conversation) == ["question 2", "answer 2"]
        assert memory.metadata(conversation).seq == 6, "the count of what was said goes on"

    def test_an_empty_append_creates_the_conversation(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        memory.append(conversation, [], owner="ann")
        found = memory.metadata(conversation, owner="ann")
        assert (found.owner, found.seq, found.length) == ("ann", 0, 0)

    def test_a_time_to_live_of_its_own_stays_with_the_conversation(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build(ttl=100)
        memory.append(conversation, turn(1))
        assert memory.metadata(conversation).ttl == 100
        assert memory.metadata(conversation, own_ttl=5000).ttl == 5000
        memory.append(conversation, turn(2))
        assert memory.metadata(conversation).ttl == 5000

    def test_one_bad_message_stores_none_of_its_batch(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build(max_message_bytes=300)
        with pytest.raises(MessageTooLargeError, match=r"message 1 .* at most 300"):
            memory.append(conversation, [HumanMessage("short"), AIMessage("x" * 300)])
        with pytest.raises(UnserializableMessageError, match=r"message 1 .*additional_kwargs\.at"):
            memory.append(
                conversation, [HumanMessage("a"), AIMessage("b", additional_kwargs={"at": {1}})]
            )
        assert memory.metadata(conversation) is None

    def test_read_then_append_shows_what_was_there_before(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        memory = build()
        memory.append(conversation, turn(1))
        window, appended = memory.window_then_append(conversation, turn(2))
        assert [message.text for message in window.messages] == ["question 1", "answer 1"]
        assert appended.length == 4

    @pytest.mark.parametrize(
        "odd", ["a:b", "{tag}", "50%", "two words", "line\nbreak", "ünï", "日本", "meta", "*?[x]"]
    )
    def test_ids_of_odd_characters_stay_apart(
        self, build: Callable[..., Any], conversation: str, odd: str
    ) -> None:
        memory = build()
        memory.append(f"{conversation}{odd}", turn(1))
        memory.append(f"{conversation}{odd}x", turn(2))
        assert _texts(memory, f"{conversation}{odd}") == ["question 1", "answer 1"]
        assert memory.metadata(conversation) is None

    def test_a_history_adds_reads_and_clears(
        self, build: Callable[..., Any], conversation: str
    ) -> None:
        history = build().history(conversation)
        history.add_messages(turn(1))
        history.add_messages([])
        assert [message.text for message in history.messages] == ["question 1", "answer 1"]
        history.clear()
        assert history.messages == []


def _texts(memory: Any, conversation: str) -> Sequence[str]:
    return [message.text for message in memory.history(conversation).messages]
