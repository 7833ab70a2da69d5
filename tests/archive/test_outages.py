"""A database that is away, a drain that died, and a process that came later."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from support.chatters import wait_until
from support.databases import Database

from openta_memory import ArchiveError, ConversationMemory
from openta_memory._outbox import read_new
from openta_memory.testing import turn

OUTBOX = "openta:outbox"

Build = Callable[..., ConversationMemory]


def texts(memory: ConversationMemory, **given: Any) -> list[str]:
    return [message.text for message in memory.window("c", **given).messages]


def test_while_the_archive_is_away_the_chat_goes_on_and_the_outbox_keeps_it(
    build: Build, raw: Any, database: Database
) -> None:
    database.go_away()
    memory = build()
    memory.append("c", turn(1))
    memory.append("c", turn(2))
    assert texts(memory)[-1] == "answer 2"
    assert raw.xlen(OUTBOX) == 2
    with pytest.raises(ArchiveError):
        memory.drain()
    database.come_back()
    memory.drain()
    assert raw.xlen(OUTBOX) == 0
    assert len(memory.archived("c")) == 4


def test_while_the_archive_is_away_nobody_can_clear_what_only_it_has(
    build: Build, raw: Any, database: Database
) -> None:
    # Given a conversation that Redis lost, and a database that is away
    memory = build()
    memory.append("c", turn(1), owner="ann")
    memory.close()
    raw.flushall()
    database.go_away()
    # When somebody else clears it
    later = build()
    with pytest.raises(ArchiveError):
        later.clear("c", owner="bob")
    # Then nothing waits to be cleared, and it is still its owner's once the database is back
    assert raw.xlen(OUTBOX) == 0
    database.come_back()
    expected = ["question 1", "answer 1"]
    wait_until(lambda: texts(later, owner="ann") == expected, "the archive is found and asked")


def test_with_no_interval_an_append_waits_for_what_another_drain_took(
    build: Build, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given another process that takes entries off the outbox as they come, and dies
    monkeypatch.setenv("SYNC_INTERVAL", "0")
    monkeypatch.setattr("openta_memory.archive.drain.TAKE_OVER_MS", 200)
    memory = build()
    memory.append("c", turn(1))
    run = memory._connections.run_apart
    tier = memory._flows.tier
    assert tier is not None
    drain = tier._drain

    async def taken_by_another(plan: Any) -> Any:
        words = plan.commands[0].words
        if words[0] == "XREADGROUP" and words[-1] == ">":
            await run(read_new(OUTBOX, "another", 500))
        return await run(plan)

    monkeypatch.setattr(drain, "_run", taken_by_another)
    # When an append is acknowledged
    memory.append("c", turn(2))
    # Then it is archived
    assert database.count() == 4


def test_a_later_process_archives_by_itself_what_redis_still_has(
    build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a conversation that Redis has, so that the archive need not be asked for it
    first = build()
    first.append("c", turn(1))
    first.close()
    monkeypatch.setenv("AUTO_SYNC_TO_DB", "true")
    monkeypatch.setenv("SYNC_INTERVAL", "0.05")
    # When a later process appends to it
    build().append("c", turn(2))
    # Then that is archived without anybody's asking
    for _ in range(100):
        if raw.xlen(OUTBOX) == 0:
            break
        time.sleep(0.05)
    assert raw.xlen(OUTBOX) == 0
