"""Mode "deep": a model that searches by itself; what it did is stored, and comes back whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from support.openai_server import Call, Fail, Hang, OpenAIServer, Reply, Say
from support.redis_server import RedisServer

from openta_agents import AgentSettings, Assistant, ModelError, QuestionError, build_assistant
from openta_agents.deep import MAX_SEARCHES
from openta_memory import ConversationMemory, SessionManager

QUESTION = "How did transformers change retrieval?"
HERE = {"configurable": {"session_id": "conv_1", "owner": None}}


def search(*queries: str) -> Call:
    return Call(tuple(("search_papers", {"query": query}) for query in queries))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer([Say("unscripted")]) as running:
        yield running


@pytest.fixture
def memory(redis_server: RedisServer) -> ConversationMemory:
    return ConversationMemory(redis_url=redis_server.url)


def settings(server: OpenAIServer, seconds: float = 20) -> AgentSettings:
    args = {"base_url": server.url, "api_key": "sk-secret"}
    return AgentSettings.load(
        model="openai:some-model", model_args=args, model_seconds=seconds, model_retries=0
    )


def ask(memory: ConversationMemory, server: OpenAIServer, *replies: Reply) -> dict[str, object]:
    server.replies = list(replies)
    chain = build_assistant(memory, settings(server))
    return chain.invoke({"question": QUESTION, "mode": "deep"}, HERE)


def kinds(messages: list[BaseMessage]) -> list[str]:
    return [message.type for message in messages]


def test_it_searches_several_times_and_cites_what_it_found(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    reply = ask(
        memory,
        server,
        search("attention transformer"),
        search("passage retrieval", "attention transformer"),
        Say("It did [1], and so on [5]."),
    )
    answer = reply["answer"]
    assert isinstance(answer, AIMessage)
    assert answer.text == "It did [1], and so on [5]."
    citations = answer.additional_kwargs["citations"]
    assert [one["number"] for one in citations] == [1, 5]
    assert reply["sources"] == [one["id"] for one in citations]
    assert reply["search_query"] == "attention transformer"
    found = "\n".join(text for role, text in server.prompt() if role == "tool")
    assert found.count('<paper number="1">') == 2
    assert citations[1]["title"] in found


def test_its_calls_and_results_are_stored_and_come_back_whole(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    """Given a deep turn, When the next one is asked, Then the model sees its calls and results."""
    ask(memory, server, search("attention", "retrieval"), Say("Like this [1]."))
    held = memory.history("conv_1").messages
    assert kinds(held) == ["human", "ai", "tool", "tool", "ai"]
    assert isinstance(held[1], AIMessage)
    asked = [call["id"] for call in held[1].tool_calls]
    assert asked == [m.tool_call_id for m in held if isinstance(m, ToolMessage)]
    ask(memory, server, Say("As before."))
    roles = [role for role, _ in server.prompt()]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "user"]
    assert len(memory.history("conv_1").messages) == 7


def test_a_turn_of_it_is_one_turn_with_its_sources(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    reply = ask(memory, server, search("attention"), Say("Like this [1]."))
    turns = asyncio.run(SessionManager(memory=memory).get_history("conv_1"))
    assert [(turn["question"], turn["answer"]) for turn in turns] == [(QUESTION, "Like this [1].")]
    assert turns[0]["sources"] == reply["sources"] != []


def test_a_basic_question_after_it_goes_on(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    ask(memory, server, search("attention"), Say("Like this [1]."))
    server.replies = [Say("an example of attention"), Say("An example [1].")]
    chain = build_assistant(memory, settings(server))
    chain.invoke({"question": "An example?"}, HERE)
    assert [role for role, _ in server.prompt()] == ["system", "user", "assistant", "user"]


def test_what_it_did_not_find_cannot_be_cited(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    reply = ask(memory, server, search("attention"), Say("So [1], and so [99]."))
    assert isinstance(answer := reply["answer"], AIMessage)
    assert answer.text == "So [1], and so."
    assert reply["removed"] == [99]


def test_without_a_search_nothing_can_be_cited(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    reply = ask(memory, server, Say("I know that [1]."))
    assert isinstance(answer := reply["answer"], AIMessage)
    assert answer.text == "I know that."
    assert reply["sources"] == []


def test_it_streams_its_answer_and_stores_it(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    async def run() -> list[object]:
        assistant = Assistant(memory, settings(server))
        parts = assistant.stream(QUESTION, conversation_id="conv_1", mode="deep")
        return [part async for part in parts]

    server.replies = [search("attention"), Say("Like this [1].")]
    text, answer = asyncio.run(run())
    assert text == "Like this [1]."
    assert answer.message_id == memory.history("conv_1").messages[-1].id  # type: ignore[attr-defined]


def test_a_model_that_searches_without_end_is_stopped(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    with pytest.raises(ModelError, match="without end"):
        ask(memory, server, search("attention"))
    assert len(server.requests) <= MAX_SEARCHES + 4
    assert "That was the last search" in server.prompt()[-1][1]
    assert kinds(memory.history("conv_1").messages) == ["human"]


def test_a_call_of_a_tool_that_there_is_not_is_told_to_the_model(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    reply = ask(memory, server, Call((("rob_bank", {}),)), Say("I can't."))
    assert isinstance(answer := reply["answer"], AIMessage)
    assert answer.text == "I can't."


@pytest.mark.parametrize("reply", [Fail(401), Fail(500), Hang(), Say("")])
def test_a_model_that_fails_is_one_error_and_the_question_is_kept(
    memory: ConversationMemory, server: OpenAIServer, reply: Reply
) -> None:
    server.replies = [reply]
    assistant = Assistant(memory, settings(server, seconds=0.5))
    with pytest.raises(ModelError) as error:
        asyncio.run(assistant.answer(QUESTION, conversation_id="conv_1", mode="deep"))
    assert "openai:some-model" in str(error.value)
    assert "transformers" not in str(error.value)
    assert "sk-secret" not in str(error.value)
    assert kinds(memory.history("conv_1").messages) == ["human"]


def test_without_a_model_it_is_refused_before_anything_is_stored(
    memory: ConversationMemory,
) -> None:
    with pytest.raises(QuestionError, match="set OPENTA_MODEL"):
        build_assistant(memory).invoke({"question": QUESTION, "mode": "deep"}, HERE)
    with pytest.raises(QuestionError, match="set OPENTA_MODEL"):
        asyncio.run(Assistant(memory).answer(QUESTION, conversation_id="conv_1", mode="deep"))
    assert memory.history("conv_1").messages == []


def test_a_model_that_cannot_call_tools_is_refused(memory: ConversationMemory) -> None:
    assistant = Assistant(memory, model=FakeListChatModel(responses=["?"]))
    with pytest.raises(QuestionError, match="FakeListChatModel can't call tools"):
        asyncio.run(assistant.answer(QUESTION, conversation_id="conv_1", mode="deep"))


def test_it_has_nothing_to_search_where_no_paper_is_wanted(
    memory: ConversationMemory, server: OpenAIServer
) -> None:
    chain = build_assistant(memory, settings(server))
    asked = {"question": QUESTION, "mode": "deep", "source_preference": "only_general"}
    with pytest.raises(QuestionError, match="only_general"):
        chain.invoke(asked, HERE)
