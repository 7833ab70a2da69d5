"""What only the archive has by now: read by a limit past the cap, cleared with all of an owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.faces import Call, both

from openta_memory import (
    ArchiveUnavailableError,
    ConversationMemory,
    SessionIdError,
    SessionManager,
)
from openta_memory.testing import turn

Build = Callable[..., ConversationMemory]


def texts(window: Any) -> list[str]:
    return [message.text for message in window.messages]


def said(first: int, last: int) -> list[str]:
    return [message.text for number in range(first, last + 1) for message in turn(number)]


@both
def test_a_limit_beyond_what_redis_holds_is_read_from_the_archive(build: Build, call: Call) -> None:
    memory = build(max_messages=4)
    for number in range(6):
        memory.append("c", turn(number), owner="ann")
    assert texts(call(memory, "window", "c", owner="ann")) == said(4, 5)
    assert texts(call(memory, "window", "c", limit=4, owner="ann")) == said(4, 5)
    assert texts(call(memory, "window", "c", limit=7, owner="ann")) == said(3, 5)
    found = call(memory, "window", "c", limit=100, owner="ann")
    assert texts(found) == said(0, 5)
    assert None not in found.stored_ms
    assert (found.metadata.seq, found.metadata.length) == (12, 4)


def test_a_limit_does_not_bring_back_what_was_trimmed(build: Build) -> None:
    memory = build()
    for number in range(4):
        memory.append("c", turn(number))
    memory.trim("c", 4)
    assert texts(memory.window("c", limit=100)) == said(2, 3)
    memory.append("c", turn(4))
    assert texts(memory.window("c", limit=100)) == said(2, 4)
    assert len(memory.archived("c", limit=100)) == 10


def test_a_limit_beyond_what_redis_holds_gives_that_while_the_archive_is_away(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = build(max_messages=2)
    memory.append("c", turn(0))
    memory.append("c", turn(1))

    async def away(*_: Any) -> None:
        raise ArchiveUnavailableError("away")

    tier = memory._flows.tier
    assert tier is not None
    monkeypatch.setattr(tier.archive, "snapshot", away)
    assert texts(memory.window("c", limit=10)) == said(1, 1)


def test_sessions_give_as_many_turns_as_asked_for(build: Build) -> None:
    sessions = SessionManager(memory=build(max_messages=4))

    async def run() -> list[list[str]]:
        for number in range(9):
            await sessions.add_message("c", f"question {number}", f"answer {number}")
        found = [await sessions.get_history("c", limit) for limit in (1, 5, 100)]
        return [[each["question"] for each in turns] for turns in found]

    one, five, all_ = asyncio.run(run())
    assert one == ["question 8"]
    assert five == [f"question {number}" for number in range(4, 9)]
    assert all_ == [f"question {number}" for number in range(9)]


def test_turns_loaded_from_the_database_tell_when_they_were_asked(build: Build) -> None:
    sessions = SessionManager(memory=build())

    async def run() -> tuple[Any, Any]:
        await sessions.add_message("c", "question", "answer")
        return await sessions.load_from_database("c"), await sessions.get_history("c")

    loaded, held = asyncio.run(run())
    assert loaded == held
    assert loaded[0]["timestamp"] is not None


def test_memories_of_two_databases_share_no_redis_inside_the_process(tmp_path: Path) -> None:
    one, other, same = (
        ConversationMemory(database=f"sqlite:///{tmp_path / name}.db") for name in "aba"
    )
    one.append("c", turn(1))
    assert other.window("c").messages == []
    other.append("d", turn(2))
    assert texts(same.window("c")) == said(1, 1)
    assert other.archived("c") == []
    for memory in (one, other, same):
        memory.close()


def test_where_nothing_is_acknowledged_before_it_is_archived_an_archive_away_means_no_service(
    build: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file where the directory should be")
    with_interval = build(database=f"sqlite:///{tmp_path / 'data' / 'a.db'}").health()
    assert (with_interval.can_serve, with_interval.is_degraded) == (True, True)
    monkeypatch.setenv("SYNC_INTERVAL", "0")
    assert not build(database=f"sqlite:///{tmp_path / 'data' / 'a.db'}").health().can_serve


@both
def test_all_conversations_of_an_owner_are_cleared_from_both(
    build: Build, raw: Any, call: Call
) -> None:
    # Given conversations of two owners, in Redis, in the archive only, and on the outbox only
    memory = build()
    for name in ("kept", "forgotten"):
        memory.append(name, turn(1), owner="ann")
    memory.append("other", turn(2), owner="bob")
    memory.drain()
    raw.delete("conversation:forgotten", "conversation:meta:forgotten", "openta:owner:ann")
    memory.append("waiting", turn(3), owner="ann")
    # When one owner's are cleared
    assert call(memory, "clear_owner", "ann") == 3
    # Then none of them is anywhere, and the other's are as they were
    for name in ("kept", "forgotten", "waiting"):
        assert memory.window(name).messages == []
        assert memory.archived(name) == []
    assert texts(memory.window("other", owner="bob")) == said(2, 2)
    assert raw.xlen("openta:outbox") == 0
    assert call(memory, "clear_owner", "ann") == 0


def test_a_stale_entry_of_an_owners_index_clears_nobody_elses(build: Build, raw: Any) -> None:
    memory = build()
    memory.append("c", turn(1), owner="bob")
    raw.zadd("openta:owner:ann", {"c": 1})
    assert memory.clear_owner("ann") == 0
    assert texts(memory.window("c", owner="bob")) == said(1, 1)


def test_without_an_archive_an_owners_conversations_are_cleared_from_redis(
    connection: dict[str, Any], raw: Any
) -> None:
    given = {name: value for name, value in connection.items() if name != "raw"}
    sessions = SessionManager(memory=ConversationMemory(**given))

    async def run() -> int:
        for number in range(3):
            await sessions.add_message(f"c{number}", "question", "answer", owner="ann")
        return await sessions.delete_sessions("ann")

    assert asyncio.run(run()) == 3
    assert raw.keys("conversation:*") == []


def test_an_owner_must_have_a_name(build: Build) -> None:
    with pytest.raises(SessionIdError):
        build().clear_owner("")
