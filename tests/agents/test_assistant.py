"""On its defaults the assistant answers from papers and the turns before, and stores each turn."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables.history import RunnableWithMessageHistory
from support.redis_server import RedisServer

from openta_agents import Answer, Assistant, QuestionError, build_assistant
from openta_memory import (
    ConversationMemory,
    MemorySettings,
    MessageTooLargeError,
    OwnerError,
    StoreUnavailableError,
)

TOPIC = "What is machine learning?"
FOLLOW_UP = "Can you give me an example?"
HERE = {"configurable": {"session_id": "conv_1", "owner": None}}


@pytest.fixture
def memory(redis_server: RedisServer) -> ConversationMemory:
    return ConversationMemory(redis_url=redis_server.url)


def ask(memory: ConversationMemory, *questions: str, **how: Any) -> list[Answer]:
    """Ask one after the other in the conversation `conv_1`."""

    async def run() -> list[Answer]:
        assistant = Assistant(memory)
        return [await assistant.answer(text, conversation_id="conv_1", **how) for text in questions]

    return asyncio.run(run())


def streamed(memory: ConversationMemory, *questions: str, **how: Any) -> list[str | Answer]:
    """Stream one after the other; gives the last one's parts."""

    async def run() -> list[str | Answer]:
        assistant = Assistant(memory)
        for text in questions:
            parts = assistant.stream(text, conversation_id="conv_1", **how)
            told = [part async for part in parts]
        return told

    return asyncio.run(run())


def held(memory: ConversationMemory) -> list[str]:
    return [message.text for message in memory.history("conv_1").messages]


def calls(server: RedisServer) -> dict[str, int]:
    """Count what the server was asked so far, beside this count."""
    with server.client(decode_responses=True) as client:
        stats = client.info("commandstats")
    ours = {"cmdstat_info", "cmdstat_client|setinfo", "cmdstat_client", "cmdstat_hello"}
    return {name: stat["calls"] for name, stat in stats.items() if name not in ours}


@pytest.mark.parametrize(
    ("questions", "defined", "followed", "example"),
    [
        ((TOPIC, FOLLOW_UP), "Machine learning is", "Following up on machine learning", "example"),
        (
            ("Apa itu pembelajaran mesin?", "Bisa beri contohnya?"),
            "Pembelajaran mesin adalah",
            "Melanjutkan pembelajaran mesin",
            "Misalnya",
        ),
    ],
)
def test_a_follow_up_is_answered_from_the_turn_before(
    memory: ConversationMemory,
    questions: tuple[str, str],
    defined: str,
    followed: str,
    example: str,
) -> None:
    """Given a definition with its source, When asked for an example, Then it is one of the same."""
    first, second = ask(memory, *questions)
    assert first.text.startswith(defined)
    assert second.text.startswith(followed)
    assert example in second.text
    for answer in (first, second):
        assert answer.sources == tuple(citation.id for citation in answer.citations)
        assert all(f"[{citation.number}]" in answer.text for citation in answer.citations)
        assert answer.citations
    assert (first.follows, first.model, second.model) == (None, None, None)
    assert second.follows in {"machine learning", "pembelajaran mesin"}


def test_a_follow_up_of_a_follow_up_reaches_the_question_that_named_the_subject(
    memory: ConversationMemory,
) -> None:
    *_, third = ask(memory, TOPIC, FOLLOW_UP, "And another one, please?")
    assert "machine learning" in third.search_query
    assert third.sources


def test_without_a_paper_that_matches_it_says_so_and_cites_nothing(
    memory: ConversationMemory,
) -> None:
    for answer in ask(memory, "What is photosynthesis?", FOLLOW_UP):
        assert "Nothing in the catalogue" in answer.text
        assert answer.sources == answer.citations == ()
        assert "[" not in answer.text


@pytest.mark.parametrize(("tag", "phrase"), [("en", "Without a chat model"), ("id", "Tanpa model")])
def test_without_a_model_general_knowledge_is_not_to_be_had(
    memory: ConversationMemory, tag: str, phrase: str
) -> None:
    (answer,) = ask(memory, TOPIC, source_preference="only_general", language=tag)
    assert answer.text.startswith(phrase)
    assert answer.sources == ()


def test_a_language_asked_for_goes_before_the_questions(memory: ConversationMemory) -> None:
    (answer,) = ask(memory, "What is photosynthesis?", language="id-ID")
    assert "Nothing" not in answer.text


def test_each_turn_is_stored_once_question_then_answer(memory: ConversationMemory) -> None:
    answers = [answer.text for answer in ask(memory, TOPIC, FOLLOW_UP, FOLLOW_UP)]
    assert held(memory) == [TOPIC, answers[0], FOLLOW_UP, answers[1], FOLLOW_UP, answers[2]]


def test_what_an_answer_cites_rides_in_the_stored_message(memory: ConversationMemory) -> None:
    (answer,) = ask(memory, TOPIC)
    stored = memory.history("conv_1").messages[-1]
    assert stored.id == answer.message_id
    assert set(stored.additional_kwargs) == {"sources", "citations", "search_query", "model"}
    assert stored.additional_kwargs["sources"] == list(answer.sources)
    assert stored.additional_kwargs["model"] is None
    assert stored.additional_kwargs["search_query"] == answer.search_query == TOPIC
    first = stored.additional_kwargs["citations"][0]
    assert set(first) == {"number", "id", "title", "authors", "year", "url"}


def test_a_stream_comes_in_pieces_and_is_stored_whole(memory: ConversationMemory) -> None:
    *pieces, answer = streamed(memory, TOPIC, FOLLOW_UP)
    assert isinstance(answer, Answer)
    assert len(pieces) > 1
    assert "".join(map(str, pieces)) == answer.text == held(memory)[-1]
    stored = memory.history("conv_1").messages
    assert [type(message).__name__ for message in stored[1::2]] == ["AIMessage", "AIMessage"]
    assert stored[-1].id == answer.message_id
    assert stored[-1].additional_kwargs["sources"] == list(answer.sources)


def test_a_streamed_answer_is_the_whole_one(memory: ConversationMemory) -> None:
    told = streamed(memory, TOPIC, incognito=True)[-1]
    (answer,) = ask(memory, TOPIC, incognito=True)
    assert told == answer


@pytest.mark.parametrize("stream", [False, True])
def test_incognito_reads_nothing_and_writes_nothing(
    memory: ConversationMemory, redis_server: RedisServer, stream: bool
) -> None:
    ask(memory, TOPIC)
    before = calls(redis_server)
    answer = (streamed if stream else ask)(memory, FOLLOW_UP, incognito=True)[-1]
    assert calls(redis_server) == before
    assert isinstance(answer, Answer)
    assert answer.follows is None
    assert answer.message_id is None
    assert len(held(memory)) == 2


def test_a_conversation_of_someone_else_is_neither_read_nor_written(
    memory: ConversationMemory,
) -> None:
    ask(memory, TOPIC, owner="ada")
    with pytest.raises(OwnerError):
        ask(memory, FOLLOW_UP, owner="eve")
    with pytest.raises(OwnerError):
        streamed(memory, FOLLOW_UP, owner="eve")
    assert len(held(memory)) == 2


@pytest.mark.parametrize(
    "bad", [{"language": "nolanguage-"}, {"source_preference": "?"}, {"mode": "?"}]
)
def test_a_question_that_cannot_be_answered_as_put_stores_nothing(
    memory: ConversationMemory, bad: dict[str, str]
) -> None:
    chain = build_assistant(memory)
    for call in (
        lambda: ask(memory, TOPIC, **bad),
        lambda: streamed(memory, TOPIC, **bad),
        lambda: chain.invoke({"question": TOPIC, **bad}, HERE),
        lambda: list(chain.stream({"question": TOPIC, **bad}, HERE)),
        lambda: asyncio.run(chain.ainvoke({"question": TOPIC, **bad}, HERE)),
    ):
        with pytest.raises(QuestionError):
            call()
    for empty in ("", "x" * 100_001):
        with pytest.raises(QuestionError):
            ask(memory, empty)
    assert held(memory) == []


def test_one_assistant_serves_several_event_loops(memory: ConversationMemory) -> None:
    assistant = Assistant(memory)
    asyncio.run(assistant.answer(TOPIC, conversation_id="conv_1"))
    answer = asyncio.run(assistant.answer(FOLLOW_UP, conversation_id="conv_1"))
    assert answer.text.startswith("Following up")


def test_turns_of_many_conversations_at_once_stay_apart(memory: ConversationMemory) -> None:
    async def run() -> list[str]:
        assistant = Assistant(memory)
        subjects = ["machine learning", "transformers", "reinforcement learning"] * 5
        ids = [f"conv_{number}" for number in range(len(subjects))]
        for text in ["What is {}?", FOLLOW_UP]:
            answers = await asyncio.gather(
                *(
                    assistant.answer(text.format(subject), conversation_id=name)
                    for name, subject in zip(ids, subjects, strict=True)
                )
            )
        assert [answer.follows for answer in answers] == subjects
        return ids

    ids = asyncio.run(run())
    assert all(len(memory.history(name).messages) == 4 for name in ids)


@pytest.mark.parametrize("call", [ask, streamed])
def test_an_answer_that_could_not_be_stored_is_an_error_and_the_question_is_kept(
    redis_server: RedisServer, call: Callable[..., Any]
) -> None:
    """Given room for the question and not for the longer answer, When asked, Then it raises."""
    settings = MemorySettings.load(redis_url=redis_server.url, max_message_bytes=150)
    memory = ConversationMemory(settings=settings)
    with pytest.raises(MessageTooLargeError):
        call(memory, TOPIC)
    assert held(memory) == [TOPIC]


def test_redis_gone_is_an_error_and_not_an_answer_without_memory(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)
    ask(memory, TOPIC)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        ask(memory, FOLLOW_UP)


def test_the_runnable_remembers_in_all_four_ways(memory: ConversationMemory) -> None:
    chain = build_assistant(memory)
    assert isinstance(chain, RunnableWithMessageHistory)

    async def run() -> list[dict[str, Any]]:
        whole = await chain.ainvoke({"question": FOLLOW_UP}, HERE)
        return [whole, *[part async for part in chain.astream({"question": FOLLOW_UP}, HERE)]]

    first = chain.invoke({"question": TOPIC}, HERE)
    assert isinstance(first["answer"], AIMessage)
    parts = list(chain.stream({"question": FOLLOW_UP}, HERE))
    whole, *others = asyncio.run(run())
    assert whole["answer"].text.startswith("Following up on machine learning")
    for told in (parts, others):
        assert len(told) > 2
        assert all(isinstance(part["answer"], AIMessageChunk) for part in told)
        assert "".join(part["answer"].text for part in told) == whole["answer"].text
        assert told[-1]["sources"] == whole["sources"] != []
        assert told[-1]["citations"] == whole["citations"]
    assert held(memory)[1::2] == [first["answer"].text, *[whole["answer"].text] * 3]


def test_the_parts_of_a_stream_add_up_to_the_reply(memory: ConversationMemory) -> None:
    first, *rest = build_assistant(memory).stream({"question": TOPIC}, HERE)
    for part in rest:
        first = first + part
    stored = memory.history("conv_1").messages[-1]
    assert (first["answer"].text, first["answer"].id) == (stored.text, stored.id)
    assert first["answer"].additional_kwargs == stored.additional_kwargs


def test_the_runnable_keeps_an_owners_conversation_from_others(
    memory: ConversationMemory,
) -> None:
    chain = build_assistant(memory)
    chain.invoke({"question": TOPIC}, {"configurable": {"session_id": "conv_1", "owner": "ada"}})
    with pytest.raises(OwnerError):
        chain.invoke(
            {"question": TOPIC}, {"configurable": {"session_id": "conv_1", "owner": "eve"}}
        )


def test_langchains_deprecation_warnings_do_not_reach_our_users(
    memory: ConversationMemory,
) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        build_assistant(memory)
        ask(memory, TOPIC)
    assert [str(warning.message) for warning in warned] == []


@pytest.mark.parametrize(
    "pointing", ["And the second one?", "yang kedua?", "What about paper [{}]?"]
)
def test_a_paper_pointed_at_is_the_only_one_answered_from(
    memory: ConversationMemory, pointing: str
) -> None:
    chain = build_assistant(memory)
    first = chain.invoke({"question": "Which papers are about decision trees?"}, HERE)
    second = first["citations"][1]

    reply = chain.invoke({"question": pointing.format(second["number"])}, HERE)

    assert reply["sources"] == [second["id"]]
    assert second["title"] in reply["follows"]
