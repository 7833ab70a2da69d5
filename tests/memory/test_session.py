"""Questions and answers, as the quick start keeps them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from openta_memory import (
    ConversationMemory,
    OwnerError,
    SessionManager,
    SettingsError,
    get_session_manager,
)
from openta_memory.embedded import EmbeddedRedis
from openta_memory.testing import turn


@pytest.fixture
def sessions() -> SessionManager:
    redis = EmbeddedRedis()
    memory = ConversationMemory(client=redis.client(), async_client=redis.async_client())
    return SessionManager(memory=memory)


def test_turns_come_back_as_questions_and_answers_with_sources(sessions: SessionManager) -> None:
    async def given_when() -> list[object]:
        await sessions.add_message("c", "What is ML?", "Learning.", ["Paper_001", "Paper_002"])
        await sessions.add_message("c", question="An example?", answer="Spam filters.")
        return list(await sessions.get_history("c", limit=10))

    first, second = asyncio.run(given_when())
    moment = datetime.fromisoformat(first.pop("timestamp"))  # type: ignore[attr-defined]
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
    assert first == {
        "question": "What is ML?",
        "answer": "Learning.",
        "sources": ["Paper_001", "Paper_002"],
    }
    assert (second["question"], second["answer"], second["sources"]) == (  # type: ignore[index]
        "An example?",
        "Spam filters.",
        [],
    )


def test_a_limit_counts_turns_not_messages(sessions: SessionManager) -> None:
    async def given_when() -> list[str]:
        for number in range(5):
            await sessions.memory.aappend("c", turn(number, calls=number))
        return [each["question"] for each in await sessions.get_history("c", limit=2)]

    assert asyncio.run(given_when()) == ["question 3", "question 4"]


def test_a_question_without_an_answer_is_a_turn_with_none(sessions: SessionManager) -> None:
    async def given_when() -> list[object]:
        await sessions.memory.aappend("c", [AIMessage("Hello!"), HumanMessage("q")])
        return list(await sessions.get_history("c"))

    (only,) = asyncio.run(given_when())
    assert (only["question"], only["answer"]) == ("q", "")  # type: ignore[index]


def test_a_session_is_created_once_and_belongs_to_its_owner(sessions: SessionManager) -> None:
    async def given_when() -> None:
        made = await sessions.create_session(owner="ann")
        assert made.startswith("conv_")
        assert await sessions.create_session(made, owner="ann") == made
        found = await sessions.get_metadata(made)
        assert found is not None
        assert (found.owner, found.length) == ("ann", 0)
        with pytest.raises(OwnerError):
            await sessions.create_session(made, owner="bob")

    asyncio.run(given_when())


def test_an_unknown_session_has_nothing(sessions: SessionManager) -> None:
    async def given_when() -> None:
        assert await sessions.get_history("nope") == []
        assert await sessions.get_metadata("nope") is None
        assert await sessions.delete_session("nope") is False
        assert await sessions.extend_ttl("nope", 60) is False
        assert await sessions.prune_history("nope", 2) == 0

    asyncio.run(given_when())


def test_extend_prune_and_delete_do_what_they_say(sessions: SessionManager) -> None:
    async def given_when() -> None:
        for number in range(3):
            await sessions.add_message("c", f"q{number}", f"a{number}")
        assert await sessions.extend_ttl("c", 86_400) is True
        await sessions.add_message("c", "q3", "a3")
        found = await sessions.get_metadata("c")
        assert found is not None
        assert found.ttl == 86_400
        assert await sessions.prune_history("c", keep=4) == 4
        assert [each["question"] for each in await sessions.get_history("c")] == ["q2", "q3"]
        assert await sessions.delete_session("c") is True
        assert await sessions.get_history("c") == []

    asyncio.run(given_when())


def test_wrong_numbers_are_refused(sessions: SessionManager) -> None:
    async def given_when() -> None:
        with pytest.raises(ValueError, match="limit must be a whole number"):
            await sessions.get_history("c", limit=0)
        with pytest.raises(ValueError, match="keep must be a whole number, 1 or more"):
            await sessions.prune_history("c", 0)
        with pytest.raises(ValueError, match="time to live must be a whole number, 0 or more"):
            await sessions.extend_ttl("c", -1)

    asyncio.run(given_when())


def test_the_session_manager_of_a_process_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert get_session_manager() is get_session_manager()
    monkeypatch.setenv("SESSION_TTL", "77")
    assert get_session_manager().memory.settings.session_ttl == 77


def test_without_a_database_there_is_none_to_sync_with(sessions: SessionManager) -> None:
    for call in (sessions.sync_to_database(), sessions.load_from_database("c")):
        with pytest.raises(SettingsError, match="set DATABASE_URL"):
            asyncio.run(call)
    with pytest.raises(SettingsError, match="not both"):
        SessionManager(memory=sessions.memory, db_client="sqlite:///x.db")
