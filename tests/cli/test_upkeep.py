"""`sync` and `purge`: the archive is filled, and nothing goes that should stay."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from support.archives import batch, using

from openta_memory import ConversationMemory, MemorySettings, StoreReplyError
from openta_memory.cli import upkeep
from openta_memory.cli.server import Server
from openta_memory.testing import turn

Run = Callable[..., Any]


def archived(memory: ConversationMemory, conversation_id: str) -> list[str]:
    return [message.text for _, message in memory.archived(conversation_id)]


@pytest.fixture
def old(memory: ConversationMemory, database: str) -> ConversationMemory:
    """Last appended to in 2023: `old` and `held`, of which Redis has `held`."""
    using(database, lambda archive: archive.write([batch(1, of="old"), batch(1, of="held")]))
    memory.window("held")
    return memory


def test_sync_archives_what_waits_and_says_how_much(
    run: Run, memory: ConversationMemory, raw: Any
) -> None:
    memory.append("c", turn(1))
    memory.append("c", turn(2))
    assert json.loads(run("sync", "--json").stdout) == {"archived": 2}
    assert raw.xlen("openta:outbox") == 0
    assert run("sync").stdout == "Archived 0 entries.\n"
    assert len(archived(memory, "c")) == 4


def test_purge_removes_the_old_from_redis_and_the_archive(
    run: Run, old: ConversationMemory, raw: Any
) -> None:
    old.append("new", turn(1))
    purged = run("purge", "--older-than", "90d", "--yes", "--json")
    assert json.loads(purged.stdout) == {"removed": 2}
    assert raw.keys("*held*") == raw.keys("*old*") == []
    assert archived(old, "old") == archived(old, "held") == []
    assert archived(old, "new") == ["question 1", "answer 1"]
    assert run("purge", "--older-than", "90d").stdout == "Removed 0 conversations.\n"


@pytest.mark.usefixtures("database")
def test_purge_works_on_an_archive_alone(run: Run, database: str) -> None:
    using(database, lambda archive: archive.write([batch(1)]))
    assert run("purge", "--older-than", "12w", "-y").stdout == "Removed 1 conversations.\n"
    assert run("export").stdout == ""


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_purge_asks_first_and_takes_only_yes(
    run: Run, old: ConversationMemory, answer: str
) -> None:
    refused = run("purge", "--older-than", "90d", answer=answer)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Remove 2 conversations for ever?" in refused.stderr
    assert archived(old, "old") == ["question 1", "answer 1"]


def test_purge_goes_on_when_told_yes(run: Run, old: ConversationMemory) -> None:
    assert "Removed 2" in run("purge", "--older-than", "90d", answer="y\n").stdout
    assert archived(old, "old") == []


def test_purge_spares_an_old_conversation_that_goes_on(run: Run, old: ConversationMemory) -> None:
    old.append("held", turn(2))
    run("purge", "--older-than", "90d", "--yes")
    assert archived(old, "held") == ["question 1", "answer 1", "question 2", "answer 2"]


@pytest.fixture
def another_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits was taken by another process, which did not archive it yet."""
    monkeypatch.setattr(upkeep, "archive_what_waits", lambda _: None)


@pytest.mark.parametrize("lost", [False, True], ids=["held", "lost by Redis"])
@pytest.mark.usefixtures("another_drains")
def test_purge_spares_what_is_old_in_the_archive_but_waits_on_the_outbox(
    run: Run, old: ConversationMemory, raw: Any, *, lost: bool
) -> None:
    # Given an old conversation that goes on, which the archive does not know yet
    old.append("held", turn(2))
    if lost:
        raw.delete("conversation:held", "conversation:meta:held")
    # When the old are purged
    assert run("purge", "--older-than", "90d", "--yes").stdout == "Removed 1 conversations.\n"
    # Then it is whole, in both
    assert [message.text for message in old.window("held").messages][::2] == [
        "question 1",
        "question 2",
    ]
    assert len(archived(old, "held")) == 4
    assert archived(old, "old") == []


def test_an_append_during_a_purge_begins_anew_in_both(
    run: Run, old: ConversationMemory, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an append that comes when Redis is purged and the archive is not
    appends: list[Thread] = []
    purge = Server.purge

    def purge_and_append(server: Server, ids: list[str], before_ms: int) -> list[str]:
        gone = purge(server, ids, before_ms)
        appends.append(Thread(target=old.append, args=("held", turn(2))))
        appends[0].start()
        time.sleep(0.3)
        return gone

    monkeypatch.setattr(Server, "purge", purge_and_append)
    # When both are through
    run("purge", "--older-than", "90d", "--yes")
    appends[0].join(20)
    # Then both hold what was appended, and it alone
    assert [message.text for message in old.window("held").messages] == ["question 2", "answer 2"]
    assert archived(old, "held") == ["question 2", "answer 2"]
    assert raw.hget("conversation:meta:held", "seq") == b"2"


@pytest.mark.usefixtures("another_drains")
def test_purge_removes_nothing_while_too_much_waits(old: ConversationMemory, raw: Any) -> None:
    pipeline = raw.pipeline()
    for _ in range(10_001):
        pipeline.xadd("openta:outbox", {"hello": "you"})
    pipeline.execute()
    with pytest.raises(StoreReplyError, match="too much waits for the archive"):
        upkeep.purge(MemorySettings.load(), time.time_ns() // 1_000_000)
    assert archived(old, "old") == ["question 1", "answer 1"]


@pytest.mark.parametrize("age", ["90", "d", "-1d", "1y", "", "1.5d"])
@pytest.mark.usefixtures("database")
def test_purge_takes_no_age_that_is_none(run: Run, age: str) -> None:
    result = run("purge", f"--older-than={age}", "--yes")
    assert (result.exit_code, result.stdout) == (2, "")


def test_stats_count_what_could_not_be_archived(
    run: Run, memory: ConversationMemory, raw: Any
) -> None:
    memory.append("c", turn(1))
    raw.xadd("openta:outbox", {"hello": "you"})
    assert json.loads(run("sync", "--json").stdout) == {"archived": 1}
    told = json.loads(run("stats", "--json").stdout)
    assert (told["outbox"], told["parked"], told["messages"]) == (0, 1, 2)
