"""An unmodified RunnableWithMessageHistory stays right on `memory.turn`, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import Runnable, RunnableLambda
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.runnables.utils import ConfigurableFieldSpec
from support.redis_server import RedisServer

from openta_memory import ConversationMemory, StoreUnavailableError
from openta_memory.embedded import EmbeddedRedis
from openta_memory.testing import turn

CONFIG: Any = {"configurable": {"session_id": "c"}}


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Invoke a runnable, in both ways."""
    if request.param == "sync":
        return lambda chain, value: chain.invoke(value, CONFIG)
    return lambda chain, value: asyncio.run(chain.ainvoke(value, CONFIG))


@pytest.fixture
def memory() -> ConversationMemory:
    redis = EmbeddedRedis()
    return ConversationMemory(client=redis.client(), async_client=redis.async_client())


def texts(memory: ConversationMemory) -> list[str]:
    return [message.text for message in memory.history("c").messages]


def with_history(runnable: Any, memory: ConversationMemory) -> Runnable[Any, Any]:
    """Wrap a runnable that takes one list of messages, as the history's key is not set."""
    return RunnableWithMessageHistory(runnable, memory.turn)


def with_history_key(runnable: Any, memory: ConversationMemory) -> Runnable[Any, Any]:
    """Wrap a runnable that takes the question and the history under keys."""
    prompt = ChatPromptTemplate.from_messages(
        [("system", "be brief"), MessagesPlaceholder("history"), ("human", "{question}")]
    )
    return RunnableWithMessageHistory(
        prompt | (lambda value: value.to_messages()) | runnable,
        memory.turn,
        input_messages_key="question",
        history_messages_key="history",
    )


Wrap = Callable[[Any, ConversationMemory], Runnable[Any, Any]]


@pytest.fixture(params=[with_history, with_history_key])
def wrap(request: pytest.FixtureRequest) -> Wrap:
    wrapped: Wrap = request.param
    return wrapped


def ask(wrap: Wrap, question: str) -> Any:
    return [HumanMessage(question)] if wrap is with_history else {"question": question}


def answering(text: str, meanwhile: Callable[[], object] = lambda: None) -> Runnable[Any, Any]:
    """Make a model that answers with a text, and something else that happens meanwhile."""

    def answer(_: list[BaseMessage]) -> AIMessage:
        meanwhile()
        return AIMessage(text)

    return RunnableLambda(answer)


def test_turns_follow_one_another(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any]
) -> None:
    seen: list[int] = []

    def answer(messages: list[BaseMessage]) -> AIMessage:
        seen.append(sum(not isinstance(message, SystemMessage) for message in messages))
        return AIMessage(f"a{len(seen)}")

    chain = wrap(RunnableLambda(answer), memory)
    for number in (1, 2, 3):
        call(chain, ask(wrap, f"q{number}"))
    assert texts(memory) == ["q1", "a1", "q2", "a2", "q3", "a3"]
    assert seen == [1, 3, 5]


def test_a_turn_that_lands_meanwhile_loses_no_question(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any]
) -> None:
    memory.append("c", turn(0))
    chain = wrap(answering("a1", lambda: memory.append("c", turn(9))), memory)
    call(chain, ask(wrap, "q1"))
    assert texts(memory) == ["question 0", "answer 0", "question 9", "answer 9", "q1", "a1"]


def test_what_was_cleared_meanwhile_does_not_come_back(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any]
) -> None:
    memory.append("c", turn(0))
    chain = wrap(answering("a1", lambda: memory.clear("c")), memory)
    call(chain, ask(wrap, "q1"))
    assert texts(memory) == ["q1", "a1"]


def test_a_trim_meanwhile_doubles_nothing(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any]
) -> None:
    memory.append("c", [*turn(0), *turn(1)])
    chain = wrap(answering("a2", lambda: memory.trim("c", 2)), memory)
    call(chain, ask(wrap, "q2"))
    assert texts(memory) == ["question 1", "answer 1", "q2", "a2"]


@pytest.mark.parametrize("copies", [False, True], ids=["same objects", "copies with new ids"])
def test_a_runnable_that_returns_its_whole_list_stores_six_messages_in_three_turns(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any], copies: bool
) -> None:
    def answer(messages: list[BaseMessage]) -> list[BaseMessage]:
        given = [
            message.model_copy(update={"id": message.id or f"new-{index}-{message.text}"})
            if copies
            else message
            for index, message in enumerate(messages)
        ]
        return [*given, AIMessage(f"re: {messages[-1].text}")]

    chain = wrap(RunnableLambda(answer), memory)
    for question in ("q1", "q2", "q3"):
        call(chain, ask(wrap, question))
    assert texts(memory) == ["q1", "re: q1", "q2", "re: q2", "q3", "re: q3"]


def test_the_same_question_asked_again_is_stored_again(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any]
) -> None:
    chain = wrap(RunnableLambda(lambda messages: [*messages, AIMessage("yes")]), memory)
    for _ in range(3):
        call(chain, ask(wrap, "really?"))
    assert texts(memory) == ["really?", "yes"] * 3


def test_answers_that_share_an_id_are_all_stored(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any]
) -> None:
    answers = iter([AIMessage("one", id="same"), AIMessage("two", id="same")])
    chain = wrap(RunnableLambda(lambda _: next(answers)), memory)
    call(chain, ask(wrap, "q1"))
    call(chain, ask(wrap, "q2"))
    assert texts(memory) == ["q1", "one", "q2", "two"]
    ids = [message.id for message in memory.history("c").messages]
    assert len(set(ids)) == 4


def test_tool_calls_of_a_run_are_stored_whole_and_in_order(
    memory: ConversationMemory, wrap: Wrap, call: Callable[..., Any]
) -> None:
    steps = turn(1, calls=2)[1:]
    chain = wrap(RunnableLambda(lambda messages: [*messages, *steps]), memory)
    call(chain, ask(wrap, "q1"))
    stored = memory.history("c").messages
    assert [message.type for message in stored] == ["human", "ai", "tool", "ai", "tool", "ai"]
    assert stored[1].tool_calls[0]["id"] == stored[2].tool_call_id


def test_a_streamed_answer_is_stored_whole_as_a_message(memory: ConversationMemory) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("hello brave new world")]))
    chain = with_history(model, memory)
    chunks = list(chain.stream([HumanMessage("q1")], CONFIG))
    assert len(chunks) > 2
    stored = memory.history("c").messages
    assert [type(message) for message in stored] == [HumanMessage, AIMessage]
    assert stored[1].content == "hello brave new world"


def test_an_async_streamed_answer_is_stored_whole(memory: ConversationMemory) -> None:
    model = GenericFakeChatModel(messages=iter([AIMessage("hello brave new world")]))
    chain = with_history(model, memory)

    async def stream() -> int:
        return len([chunk async for chunk in chain.astream([HumanMessage("q1")], CONFIG)])

    assert asyncio.run(stream()) > 2
    assert texts(memory) == ["q1", "hello brave new world"]


def test_the_owner_rides_in_the_config(memory: ConversationMemory) -> None:
    fields = [
        ConfigurableFieldSpec(id=name, annotation=str, name=name, default="", is_shared=True)
        for name in ("session_id", "owner")
    ]
    chain: Runnable[Any, Any] = RunnableWithMessageHistory(
        answering("a1"), memory.turn, history_factory_config=fields
    )
    chain.invoke([HumanMessage("q1")], {"configurable": {"session_id": "c", "owner": "ann"}})
    found = memory.metadata("c")
    assert found is not None
    assert found.owner == "ann"


def failing(_: list[BaseMessage]) -> AIMessage:
    raise RuntimeError("the model is down")


def test_a_question_begun_survives_a_model_that_fails(
    memory: ConversationMemory, call: Callable[..., Any]
) -> None:
    handle = memory.turn("c")
    handle.begin("q1")
    chain: Runnable[Any, Any] = RunnableWithMessageHistory(RunnableLambda(failing), lambda: handle)
    with pytest.raises(RuntimeError, match="the model is down"):
        call(chain, [HumanMessage("q1")])
    assert texts(memory) == ["q1"]


@pytest.mark.parametrize("whole_list", [False, True])
def test_a_question_begun_is_neither_shown_twice_nor_stored_twice(
    memory: ConversationMemory, call: Callable[..., Any], whole_list: bool
) -> None:
    memory.append("c", turn(0))
    seen: list[str] = []

    def answer(messages: list[BaseMessage]) -> Any:
        seen.extend(message.text for message in messages)
        return [*messages, AIMessage("a1")] if whole_list else AIMessage("a1")

    handle = memory.turn("c")
    handle.begin("q1")
    chain: Runnable[Any, Any] = RunnableWithMessageHistory(RunnableLambda(answer), lambda: handle)
    call(chain, [HumanMessage("q1")])
    assert seen == ["question 0", "answer 0", "q1"]
    assert texts(memory) == ["question 0", "answer 0", "q1", "a1"]


def test_an_interrupted_tool_call_is_not_shown_to_a_model(memory: ConversationMemory) -> None:
    call = {"name": "f", "args": {}, "id": "lost"}
    memory.append("c", [*turn(0), HumanMessage("q"), AIMessage("", tool_calls=[call])])
    shown = memory.turn("c").messages
    assert [message.text for message in shown] == ["question 0", "answer 0", "q"]
    assert len(memory.history("c").messages) == 4, "it stays stored"


def test_a_handle_that_is_used_again_reads_again(memory: ConversationMemory) -> None:
    handle = memory.turn("c")
    chain: Runnable[Any, Any] = RunnableWithMessageHistory(
        RunnableLambda(lambda messages: AIMessage(str(len(messages)))), lambda: handle
    )
    for _ in range(3):
        chain.invoke([HumanMessage("q")], CONFIG)
    assert texts(memory) == ["q", "1", "q", "3", "q", "5"]


@pytest.fixture
def counted(redis_server: RedisServer) -> Iterator[tuple[ConversationMemory, Callable[[], int]]]:
    """Give a memory on a real Redis, and a count of the batches of commands it was sent."""
    client = redis_server.client()
    sent: list[object] = []
    memory = ConversationMemory(client=client)
    memory.append("warm-up", turn(0))
    memory.window("warm-up")
    connection = client.connection_pool.get_connection()
    send = type(connection).send_packed_command

    def count(self: Any, command: Any, check_health: bool = True) -> Any:
        sent.append(command)
        return send(self, command, check_health)

    client.connection_pool.release(connection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection), "send_packed_command", count)
        yield memory, lambda: len(sent)
    client.close()


def test_a_turn_costs_two_round_trips(
    counted: tuple[ConversationMemory, Callable[[], int]], wrap: Wrap
) -> None:
    memory, round_trips = counted
    memory.append("c", turn(0))
    before = round_trips()
    wrap(answering("a1"), memory).invoke(ask(wrap, "q1"), CONFIG)
    assert round_trips() - before == 2


def test_a_turn_that_is_begun_costs_two_round_trips_too(
    counted: tuple[ConversationMemory, Callable[[], int]],
) -> None:
    memory, round_trips = counted
    handle = memory.turn("c")
    handle.begin("q1")
    chain: Runnable[Any, Any] = RunnableWithMessageHistory(answering("a1"), lambda: handle)
    chain.invoke([HumanMessage("q1")], CONFIG)
    assert round_trips() == 2


def test_an_answer_that_could_not_be_stored_is_told(
    start_redis: Callable[..., RedisServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)
    handle = memory.turn("c")
    chain: Runnable[Any, Any] = RunnableWithMessageHistory(
        answering("a secret answer", server.kill), lambda: handle
    )
    chain.invoke([HumanMessage("q1")], CONFIG)
    assert isinstance(handle.error, StoreUnavailableError)
    ours = [record for record in caplog.records if record.name == "openta_memory"]
    assert "Could not store a turn of c" in ours[-1].getMessage()
    assert "secret" not in caplog.text
    memory.close()


def test_whatever_kept_an_answer_from_being_stored_is_told(
    memory: ConversationMemory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a secret in a bug")

    handle = memory.turn("c")
    monkeypatch.setattr(memory._connections.store, "run", fail)
    with pytest.raises(RuntimeError):
        handle.add_messages(turn(1))
    assert isinstance(handle.error, RuntimeError)
    assert "Could not store a turn of c: RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_a_handle_whose_call_failed_can_be_called_again_and_stores_once(
    start_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = ConversationMemory(redis_url=start_redis().url)
    handle = memory.turn("c")
    run = memory._connections.store.run

    def lose_the_reply(plan: Any) -> Any:
        run(plan)
        raise StoreUnavailableError("the reply was lost")

    for step in (lambda: handle.begin("q"), lambda: handle.add_messages(turn(1)[-1:])):
        monkeypatch.setattr(memory._connections.store, "run", lose_the_reply)
        with pytest.raises(StoreUnavailableError):
            step()
        monkeypatch.setattr(memory._connections.store, "run", run)
        step()
        assert handle.error is None
    assert texts(memory) == ["q", "answer 1"]
    memory.close()


def test_results_of_calls_stored_earlier_in_the_turn_are_kept(memory: ConversationMemory) -> None:
    call = {"name": "f", "args": {}, "id": "1"}
    memory.append("c", [HumanMessage("q"), AIMessage("", tool_calls=[call])])
    memory.append("c", [ToolMessage("r", tool_call_id="1"), AIMessage("a")])
    assert [message.type for message in memory.turn("c").messages] == ["human", "ai", "tool", "ai"]
