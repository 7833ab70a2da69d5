"""Windows and the cap against a plain list, over random turns with tool calls."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from support.redis_server import RedisServer

from openta_memory import ConversationMemory, valid_window
from openta_memory.embedded import EmbeddedRedis
from openta_memory.testing import turn

Kinds = list[str]


def message(kind: str) -> BaseMessage:
    if kind == "tool":
        return ToolMessage("r", tool_call_id="1")
    if kind == "call":
        return AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "1"}])
    if kind == "function":
        return FunctionMessage(content="4", name="add")
    plain = {"human": HumanMessage, "ai": AIMessage, "system": SystemMessage}
    return plain[kind](kind)


def kinds_of(messages: list[BaseMessage]) -> Kinds:
    return ["call" if getattr(m, "tool_calls", None) else m.type for m in messages]


# A turn as it should be; and anything at all, as other writers and crashes leave it.
steps = st.lists(st.sampled_from([["call", "tool"], ["ai"], ["call", "tool", "tool"]]), max_size=4)
turns = steps.map(lambda calls: ["human", *(kind for step in calls for kind in step), "ai"])
anything = st.lists(
    st.sampled_from(["human", "ai", "system", "tool", "call", "function"]), min_size=1, max_size=6
)
batches = st.lists(turns | anything, min_size=1, max_size=8)


def capped(kinds: Kinds, cap: int) -> Kinds:
    """Do to a plain list what the cap promises: the model of `first_kept` in Lua."""
    if cap == 0 or len(kinds) <= cap:
        return kinds
    tail = kinds[len(kinds) - cap :]
    begins = [index for index, kind in enumerate(tail) if kind in ("human", "system")]
    inside = [index for index, kind in enumerate(tail) if kind not in ("tool", "function")]
    first = (begins or inside or [len(tail)])[0]
    return tail[first:]


@pytest.fixture(scope="module", params=["embedded", "real"])
def connection(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    if request.param == "embedded":
        yield {"client": EmbeddedRedis().client()}
        return
    server: RedisServer = request.getfixturevalue("shared_redis")
    with server.client() as client:
        yield {"client": client}


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=batches, cap=st.integers(0, 12))
def test_what_stays_under_the_cap_is_what_a_plain_list_would_keep(
    connection: dict[str, object], batches: list[Kinds], cap: int
) -> None:
    memory = ConversationMemory(max_messages=cap, **connection)
    conversation = uuid4().hex
    model: Kinds = []
    for number, batch in enumerate(batches):
        appended = memory.append(conversation, [message(kind) for kind in batch])
        model = capped(model + batch, cap)
        assert appended.length == len(model)
        assert appended.seq == sum(map(len, batches[: number + 1]))
        assert kinds_of(memory.history(conversation).messages) == model
    memory.clear(conversation)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=batches, limit=st.integers(1, 12))
def test_a_limit_reads_and_a_trim_keeps_what_the_cap_would(
    connection: dict[str, object], batches: list[Kinds], limit: int
) -> None:
    memory = ConversationMemory(max_messages=0, **connection)
    conversation = uuid4().hex
    stored = [kind for batch in batches for kind in batch]
    memory.append(conversation, [message(kind) for kind in stored])
    read = memory.window(conversation, limit=limit).messages
    assert kinds_of(read) == capped(stored, limit)
    trimmed = memory.trim(conversation, limit)
    assert kinds_of(memory.history(conversation).messages) == capped(stored, limit)
    assert trimmed.removed + trimmed.length == len(stored)
    memory.clear(conversation)


@given(stored=batches.map(lambda some: [kind for batch in some for kind in batch]))
def test_no_window_holds_half_a_tool_call(stored: Kinds) -> None:
    calls = 0
    messages = []
    for kind in stored:
        calls += kind == "call"
        each = message(kind)
        if isinstance(each, AIMessage) and each.tool_calls:
            each.tool_calls[0]["id"] = f"call-{calls}"
        if isinstance(each, ToolMessage):
            each.tool_call_id = f"call-{calls}"
        messages.append(each)
    for budget in (None, 1, 2, 3, 5, 8):
        window = valid_window(messages, max_messages=budget)
        assert budget is None or len(window) <= budget
        answered: set[str] = set()
        asked: set[str] = set()
        for each in window:
            if isinstance(each, AIMessage):
                asked |= {str(call["id"]) for call in each.tool_calls}
            if isinstance(each, ToolMessage):
                assert each.tool_call_id in asked, "a result without its call"
                answered.add(each.tool_call_id)
        assert asked == answered, "a call without its result"


@given(
    stored=st.lists(turns, min_size=1, max_size=6),
    max_messages=st.none() | st.integers(1, 20),
    max_tokens=st.none() | st.integers(0, 40),
)
def test_a_window_is_the_longest_tail_of_whole_turns_within_both_budgets(
    stored: list[Kinds], max_messages: int | None, max_tokens: int | None
) -> None:
    whole = [turn(number, calls=kinds.count("call")) for number, kinds in enumerate(stored)]
    messages = [each for one in whole for each in one]

    def fits(tail: list[BaseMessage]) -> bool:
        return len(tail) <= (max_messages or 10**6) and 2 * len(tail) <= (
            10**6 if max_tokens is None else max_tokens
        )

    window = valid_window(
        messages,
        max_messages=max_messages,
        max_tokens=max_tokens,
        token_counter=lambda some: 2 * len(some),
    )
    tails = [[each for one in whole[first:] for each in one] for first in range(len(whole))]
    longest = next((tail for tail in tails if fits(tail)), None)
    if longest is not None:
        assert window == longest
    else:
        assert fits(window)
        assert window == messages[len(messages) - len(window) :]
        assert not window or not isinstance(window[0], ToolMessage)


def test_a_call_with_one_of_two_results_is_left_out_with_its_result() -> None:
    calls = [{"name": "f", "args": {}, "id": "1"}, {"name": "f", "args": {}, "id": "2"}]
    messages = [
        HumanMessage("q1"),
        AIMessage("", tool_calls=calls),
        ToolMessage("r", tool_call_id="2"),
        HumanMessage("q2"),
        AIMessage("a2"),
    ]
    assert kinds_of(valid_window(messages)) == ["human", "human", "ai"]


def test_a_model_can_count_the_tokens() -> None:
    class Counting(FakeListChatModel):
        def get_num_tokens_from_messages(self, messages: list[BaseMessage], **_: object) -> int:
            return 10 * len(messages)

    messages = [*turn(1), *turn(2)]
    model = Counting(responses=[])
    assert valid_window(messages, max_tokens=25, token_counter=model) == messages[2:]


def test_without_a_counter_tokens_are_counted_approximately() -> None:
    messages = [HumanMessage("x" * 4000), AIMessage("y"), HumanMessage("z"), AIMessage("w")]
    assert valid_window(messages, max_tokens=100) == messages[2:]


def test_nothing_that_fits_is_an_empty_window() -> None:
    assert valid_window(turn(1), max_tokens=0) == []
    assert valid_window([]) == []


def test_a_negative_budget_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        valid_window([], max_tokens=-1)


def test_a_history_gives_the_window_in_one_read() -> None:
    memory = ConversationMemory(client=EmbeddedRedis().client())
    for number in range(3):
        memory.append("c", turn(number, calls=1))
    history = memory.history("c")
    assert [m.text for m in history.window(5)] == ["question 2", "", "result", "answer 2"]
    assert history.window(max_tokens=5, token_counter=len) == history.messages[-4:]
    assert len(history.window()) == 12
