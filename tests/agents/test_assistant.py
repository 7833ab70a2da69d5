"""The assistant answers from the turns before, and stores each turn or says that it did not."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable

import pytest
from support.redis_server import RedisServer

from openta_agents import Assistant, build_assistant
from openta_memory import (
    ConversationMemory,
    MemorySettings,
    MessageTooLargeError,
    OwnerError,
    StoreUnavailableError,
)

TOPIC = "What is machine learning?"
FOLLOW_UP = "Can you give me an example?"


@pytest.fixture
def memory(redis_server: RedisServer) -> ConversationMemory:
    return ConversationMemory(redis_url=redis_server.url)


def ask(memory: ConversationMemory, *questions: str, incognito: bool = False) -> list[str]:
    """Ask one after the other in the conversation `conv_1`."""

    async def run() -> list[str]:
        assistant = Assistant(memory)
        return [
            (await assistant.answer(text, conversation_id="conv_1", incognito=incognito)).text
            for text in questions
        ]

    return asyncio.run(run())


def held(memory: ConversationMemory) -> list[str]:
    return [message.text for message in memory.history("conv_1").messages]


def calls(server: RedisServer) -> dict[str, int]:
    """Count what the server was asked so far, beside this count."""
    with server.client(decode_responses=True) as client:
        stats = client.info("commandstats")
    ours = {"cmdstat_info", "cmdstat_client|setinfo", "cmdstat_client", "cmdstat_hello"}
    return {name: stat["calls"] for name, stat in stats.items() if name not in ours}


def test_a_follow_up_is_answered_from_the_turn_before(memory: ConversationMemory) -> None:
    _, second = ask(memory, TOPIC, FOLLOW_UP)
    assert second.startswith(f"Following up on your question “{TOPIC}”")
    assert "an example of machine learning: a mail filter" in second


def test_a_follow_up_of_a_follow_up_reaches_the_question_that_named_the_subject(
    memory: ConversationMemory,
) -> None:
    *_, third = ask(memory, TOPIC, FOLLOW_UP, "And another one, please?")
    assert f"Following up on your question “{TOPIC}”" in third


def test_without_a_turn_before_there_is_nothing_to_follow_up(memory: ConversationMemory) -> None:
    (only,) = ask(memory, FOLLOW_UP)
    assert only.startswith("I have nothing on that yet")
    assert "Before this you asked" not in only


def test_an_unknown_subject_is_owned_up_to_and_the_question_before_is_named(
    memory: ConversationMemory,
) -> None:
    _, second = ask(memory, TOPIC, "What is photosynthesis?")
    assert second.startswith("I have nothing on that yet")
    assert f"Before this you asked: “{TOPIC}”" in second


def test_an_example_after_an_unknown_subject_is_not_one_of_an_older_subject(
    memory: ConversationMemory,
) -> None:
    *_, third = ask(memory, TOPIC, "What is photosynthesis?", FOLLOW_UP)
    assert third.startswith("I have nothing on that yet")
    assert "“What is photosynthesis?”" in third


def test_each_turn_is_stored_once_question_then_answer(memory: ConversationMemory) -> None:
    answers = ask(memory, TOPIC, FOLLOW_UP, FOLLOW_UP)
    assert held(memory) == [TOPIC, answers[0], FOLLOW_UP, answers[1], FOLLOW_UP, answers[2]]


def test_an_answer_names_the_message_that_was_stored(memory: ConversationMemory) -> None:
    answer = asyncio.run(Assistant(memory).answer(TOPIC, conversation_id="conv_1"))
    assert memory.history("conv_1").messages[-1].id == answer.message_id
    assert answer.search_query == TOPIC


def test_the_search_query_of_a_follow_up_stands_alone(memory: ConversationMemory) -> None:
    ask(memory, TOPIC)
    answer = asyncio.run(Assistant(memory).answer(FOLLOW_UP, conversation_id="conv_1"))
    assert answer.search_query == f"machine learning: {FOLLOW_UP}"


def test_incognito_reads_nothing_and_writes_nothing(
    memory: ConversationMemory, redis_server: RedisServer
) -> None:
    ask(memory, TOPIC)
    before = calls(redis_server)
    (answer,) = ask(memory, FOLLOW_UP, incognito=True)
    assert calls(redis_server) == before
    assert answer.startswith("I have nothing on that yet")
    assert len(held(memory)) == 2


def test_a_conversation_of_someone_else_is_neither_read_nor_written(
    memory: ConversationMemory,
) -> None:
    assistant = Assistant(memory)
    asyncio.run(assistant.answer(TOPIC, conversation_id="conv_1", owner="ada"))
    with pytest.raises(OwnerError):
        asyncio.run(assistant.answer(FOLLOW_UP, conversation_id="conv_1", owner="eve"))
    assert len(held(memory)) == 2


def test_one_assistant_serves_several_event_loops(memory: ConversationMemory) -> None:
    assistant = Assistant(memory)
    asyncio.run(assistant.answer(TOPIC, conversation_id="conv_1"))
    answer = asyncio.run(assistant.answer(FOLLOW_UP, conversation_id="conv_1"))
    assert answer.text.startswith("Following up")


def test_turns_of_many_conversations_at_once_stay_apart(memory: ConversationMemory) -> None:
    async def run() -> list[str]:
        assistant = Assistant(memory)
        subjects = ["machine learning", "transformer", "neural network"] * 5
        ids = [f"conv_{number}" for number in range(len(subjects))]
        for text in ["What is {}?", FOLLOW_UP]:
            answers = await asyncio.gather(
                *(
                    assistant.answer(text.format(subject), conversation_id=name)
                    for name, subject in zip(ids, subjects, strict=True)
                )
            )
        assert all(
            f"an example of {subject}:" in answer.text
            for answer, subject in zip(answers, subjects, strict=True)
        )
        return ids

    ids = asyncio.run(run())
    assert all(len(memory.history(name).messages) == 4 for name in ids)


def test_an_answer_that_could_not_be_stored_is_an_error_and_the_question_is_kept(
    redis_server: RedisServer,
) -> None:
    """Given room for the question and not for the longer answer, When asked, Then it raises."""
    settings = MemorySettings.load(redis_url=redis_server.url, max_message_bytes=150)
    memory = ConversationMemory(settings=settings)
    with pytest.raises(MessageTooLargeError):
        ask(memory, "What is a transformer?")
    assert held(memory) == ["What is a transformer?"]


def test_redis_gone_is_an_error_and_not_an_answer_without_memory(
    start_redis: Callable[..., RedisServer],
) -> None:
    server = start_redis()
    memory = ConversationMemory(redis_url=server.url)
    ask(memory, TOPIC)
    server.kill()
    with pytest.raises(StoreUnavailableError):
        ask(memory, FOLLOW_UP)


def test_the_runnable_remembers_sync_and_async(memory: ConversationMemory) -> None:
    chain = build_assistant(memory)
    here = {"configurable": {"session_id": "conv_1", "owner": None}}
    chain.invoke({"question": TOPIC}, here)
    reply = asyncio.run(chain.ainvoke({"question": FOLLOW_UP}, here))
    assert f"Following up on your question “{TOPIC}”" in reply["answer"].text
    assert len(held(memory)) == 4


def test_the_runnable_keeps_an_owners_conversation_from_others(
    memory: ConversationMemory,
) -> None:
    chain = build_assistant(memory)
    chain.invoke({"question": TOPIC}, {"configurable": {"session_id": "conv_1", "owner": "ada"}})
    with pytest.raises(OwnerError):
        chain.invoke(
            {"question": TOPIC}, {"configurable": {"session_id": "conv_1", "owner": "eve"}}
        )


def test_langchains_deprecation_warnings_do_not_reach_our_users() -> None:
    memory = ConversationMemory()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        build_assistant(memory)
        ask(memory, TOPIC)
    assert [str(warning.message) for warning in warned] == []
