"""With a chat model behind a real endpoint: what it is sent, and what becomes of what it says."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages.utils import count_tokens_approximately
from support.openai_server import Fail, Hang, OpenAIServer, Reply, Say
from support.redis_server import RedisServer

from openta_agents import AgentSettings, Answer, Assistant, ModelError, build_assistant
from openta_memory import ConversationMemory

TOPIC = "What is machine learning?"
FOLLOW_UP = "Can you give me an example?"
HERE = {"configurable": {"session_id": "conv_1", "owner": None}}
SECRET = "sk-very-secret"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer([Say("unscripted")]) as running:
        yield running


@pytest.fixture
def memory(redis_server: RedisServer) -> ConversationMemory:
    return ConversationMemory(redis_url=redis_server.url)


def settings(server: OpenAIServer, **given: Any) -> AgentSettings:
    args = {"base_url": server.url, "api_key": SECRET}
    given = {"model_seconds": 20, "model_retries": 0, **given}
    return AgentSettings.load(model="openai:some-model", model_args=args, **given)


def held(memory: ConversationMemory) -> list[str]:
    return [message.text for message in memory.history("conv_1").messages]


def ask_in_each_way(memory: ConversationMemory, made_with: AgentSettings) -> Iterator[Any]:
    chain, question = build_assistant(memory, made_with), {"question": TOPIC}

    async def astreamed() -> list[Any]:
        return [part async for part in chain.astream(question, HERE)]

    yield lambda: chain.invoke(question, HERE)
    yield lambda: list(chain.stream(question, HERE))
    yield lambda: asyncio.run(chain.ainvoke(question, HERE))
    yield lambda: asyncio.run(astreamed())


def test_the_model_named_in_the_environment_sees_the_history(
    memory: ConversationMemory, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given OPENTA_MODEL and a base_url, When a follow-up is asked, Then its prompt has it all."""
    args = f'{{"base_url": "{server.url}", "api_key": "{SECRET}"}}'
    monkeypatch.setenv("OPENTA_MODEL", "openai:some-model")
    monkeypatch.setenv("OPENTA_MODEL_ARGS", args)
    chain = build_assistant(memory)
    server.replies = [Say("It learns from data [1].")]
    first = chain.invoke({"question": TOPIC}, HERE)
    assert len(server.requests) == 1
    server.replies = [Say("What is an example of machine learning?"), Say("A spam filter [1].")]
    second = chain.invoke({"question": FOLLOW_UP}, HERE)
    assert len(server.requests) == 3
    for number in (1, 2):
        assert ("user", TOPIC) in server.prompt(number)
        assert ("assistant", "It learns from data [1].") in server.prompt(number)
        assert FOLLOW_UP in server.prompt(number)[-1][1]
    assert second["search_query"] == "What is an example of machine learning?"
    assert '<paper number="1">' in server.prompt()[-1][1]
    for reply in (first, second):
        assert reply["sources"] == [reply["citations"][0]["id"]]
        assert reply["answer"].additional_kwargs["model"] == "openai:some-model"


def test_the_history_shown_fits_the_budget(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    history = memory.history("conv_1")
    for number in range(40):
        history.add_user_message(f"Question {number} {'so ' * 40}")
        history.add_ai_message(f"Answer {number}")
    build_assistant(memory, settings(server, context_tokens=200)).invoke({"question": TOPIC}, HERE)
    shown = server.prompt()[1:-1]
    assert shown[0][0] == "user"
    assert shown[-1] == ("assistant", "Answer 39")
    assert count_tokens_approximately([*shown]) <= 200


def test_a_rewriting_that_says_nothing_leaves_the_rule(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    server.replies = [Say("It learns."), Say(" \n "), Say("A spam filter [1].")]
    chain = build_assistant(memory, settings(server))
    chain.invoke({"question": TOPIC}, HERE)
    assert "machine learning" in chain.invoke({"question": FOLLOW_UP}, HERE)["search_query"]


def test_general_knowledge_alone_is_one_call_without_papers(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    chain = build_assistant(memory, settings(server))
    asked = {"question": TOPIC, "source_preference": "only_general"}
    chain.invoke(asked, HERE)
    reply = chain.invoke(asked, HERE)
    assert len(server.requests) == 2
    assert all("<paper" not in text for _, text in server.prompt()[1:])
    assert reply["sources"] == []


def test_a_citation_of_a_paper_not_given_is_removed_and_reported(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    server.replies = [Say("So [1]. And so [42]. Or so [Paper_999].")]
    for call in ask_in_each_way(memory, settings(server)):
        reply = call()
        last = reply[-1] if isinstance(reply, list) else reply
        assert last["removed"] == [42, "Paper_999"]
        assert held(memory)[-1] == "So [1]. And so. Or so."
        if isinstance(reply, list):
            assert "".join(part["answer"].text for part in reply) == held(memory)[-1]
        memory.clear("conv_1")


def test_pieces_come_while_the_model_still_speaks(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    server.replies = [Say("one two three four five six", seconds_a_word=0.2)]

    def began(parts: Iterator[Any]) -> float:
        next(parts)
        return time.monotonic()

    async def abegan(parts: AsyncIterator[Any]) -> tuple[float, Any]:
        await anext(parts)
        at = time.monotonic()
        return at, [part async for part in parts][-1]

    chain = build_assistant(memory, settings(server))
    parts = chain.stream({"question": TOPIC}, HERE)
    at = began(parts)
    assert list(parts)
    assert time.monotonic() - at > 0.5
    told = Assistant(memory, settings(server)).stream(TOPIC, conversation_id="conv_2")
    at, answer = asyncio.run(abegan(told))
    assert time.monotonic() - at > 0.5
    assert isinstance(answer, Answer)
    assert answer.text == held(memory)[-1] == "one two three four five six"


@pytest.mark.parametrize("reply", [Fail(400), Fail(401), Fail(429), Fail(500), Hang(), Say("")])
def test_a_model_that_fails_is_one_error_that_tells_no_secret_and_the_question_is_kept(
    memory: ConversationMemory, server: OpenAIServer, reply: Reply
) -> None:
    server.replies = [reply]
    for call in ask_in_each_way(memory, settings(server, model_seconds=0.5)):
        begun = time.monotonic()
        with pytest.raises(ModelError) as error:
            call()
        assert time.monotonic() - begun < 3
        assert str(error.value).startswith("the model openai:some-model ")
        assert error.value.__suppress_context__ or error.value.__context__ is None
        assert "machine" not in str(error.value)
        assert SECRET not in str(error.value)
        assert held(memory) == [TOPIC]
        memory.clear("conv_1")


def test_an_answer_of_nothing_but_nonsense_citations_is_an_error(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    server.replies = [Say("[77] [78]")]
    with pytest.raises(ModelError, match="answered nothing"):
        build_assistant(memory, settings(server)).invoke({"question": TOPIC}, HERE)


def test_a_server_that_is_not_there_is_named_by_what_to_check(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    args = {"base_url": "http://127.0.0.1:1/v1", "api_key": SECRET}
    nowhere = AgentSettings.load(model="openai:m", model_args=args, model_retries=0)
    for call in ask_in_each_way(memory, nowhere):
        with pytest.raises(ModelError, match="can't be reached"):
            call()
    assert server.requests == []


def test_after_a_failure_the_next_question_is_answered_with_the_lost_one_in_mind(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    server.replies = [Fail(500)]
    chain = build_assistant(memory, settings(server))
    with pytest.raises(ModelError):
        chain.invoke({"question": TOPIC}, HERE)
    server.replies = [Say("an example of machine learning"), Say("A spam filter [1].")]
    chain.invoke({"question": FOLLOW_UP}, HERE)
    asked = [said for role, said in server.prompt() if role == "user"]
    # In one message with what is asked now: some providers refuse two in a row.
    assert len(asked) == 1
    assert asked[0].startswith(TOPIC)
    assert held(memory) == [TOPIC, FOLLOW_UP, "A spam filter [1]."]


TWO_LOOPS = """
import asyncio, sys
from openta_agents import AgentSettings, Assistant
from openta_memory import ConversationMemory

args = {"base_url": sys.argv[1], "api_key": "key"}
assistant = Assistant(ConversationMemory(), AgentSettings.load(model="openai:m", model_args=args))

async def several():
    answers = [assistant.answer("Why?", conversation_id=f"c{n}") for n in range(4)]
    return [answer.text for answer in await asyncio.gather(*answers)]

async def streamed():
    return [part async for part in assistant.stream("Why?", conversation_id="s")][0]

print(asyncio.run(several()), asyncio.run(several()), asyncio.run(streamed()))
"""


def test_a_model_whose_connections_outlive_their_event_loop_serves_the_next_loop() -> None:
    with OpenAIServer([Say("Yes.")], keeps_alive=True) as server:
        # In a process of its own: what is left of the first loop's connections is leaked there.
        done = subprocess.run(
            [sys.executable, "-c", TWO_LOOPS, server.url],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.stdout.strip() == f"{['Yes.'] * 4} {['Yes.'] * 4} Yes.", done.stderr


def test_a_stream_given_up_keeps_the_question_alone(
    memory: ConversationMemory, server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.replies = [Say("one two three four five", seconds_a_word=0.05)]

    async def run() -> None:
        parts = Assistant(memory, settings(server)).stream(TOPIC, conversation_id="conv_1")
        await anext(parts)
        await anext(parts)
        await parts.aclose()  # type: ignore[attr-defined] # it is a generator
        # LangChain leaves it to the loop to close what is inside.
        await asyncio.sleep(0.2)

    asyncio.run(run())
    parts = build_assistant(memory, settings(server)).stream({"question": TOPIC}, HERE)
    next(parts)
    next(parts)
    parts.close()  # type: ignore[attr-defined] # as above
    assert held(memory) == [TOPIC, TOPIC]
    assert "rror" not in caplog.text


class Broken(FakeListChatModel):
    """A model without async, streams or HTTP, which raises."""

    def _call(self, *_: object, **__: object) -> str:
        raise KeyError(SECRET)


@pytest.mark.parametrize("stream", [False, True])
def test_any_model_can_be_handed_in(memory: ConversationMemory, stream: bool) -> None:
    model = FakeListChatModel(responses=["Handed in [1]."])

    async def run(asked: Assistant) -> object:
        if stream:
            return [part async for part in asked.stream(TOPIC, conversation_id="conv_1")][-1]
        return await asked.answer(TOPIC, conversation_id="conv_1")

    answer = asyncio.run(run(Assistant(memory, model=model)))
    assert isinstance(answer, Answer)
    assert (answer.text, answer.model) == ("Handed in [1].", "FakeListChatModel")
    with pytest.raises(ModelError, match="KeyError") as error:
        build_assistant(memory, model=Broken(responses=["?"])).invoke({"question": TOPIC}, HERE)
    assert SECRET not in str(error.value)
