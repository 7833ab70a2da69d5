"""What a drain or a restore waits for has an end, whatever others do meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.archives import batch, opened
from support.chatters import wait_until
from support.outages import Build, building, ids, look_often, read
from support.redis_server import RedisServer
from support.turns import make_turn

from openta_memory import ArchiveUnavailableError
from openta_memory._commands import Plan
from openta_memory.archive import Archive
from openta_memory.archive.drain import Drain
from openta_memory.archive.tier import ArchiveTier
from openta_memory.keys import Keys
from openta_memory.store import RedisStore

OUTBOX = "openta:outbox"
ENOUGH_SECONDS = 20
# How long an archive hangs here.
HANGING_SECONDS = 0.5

Run = Callable[[Plan[Any]], Any]


@pytest.fixture
def build(url: str) -> Iterator[Build]:
    yield from building(url)


@contextmanager
def running(server: RedisServer) -> Iterator[Run]:
    """Give what sends plans to Redis."""
    with server.client() as client:
        yield RedisStore(client, server="x").run


def put(server: RedisServer, number: int, stream: str = OUTBOX) -> None:
    """Put a message on the outbox as append.lua would."""
    ((seq, raw), *_) = batch(number).records
    fields: dict[Any, Any] = {"op": "append", "id": "c", "owner": "", "at": number, str(seq): raw}
    with server.client() as client:
        client.xadd(stream, fields)


def never_quiet(server: RedisServer, run: Run, archive: Archive) -> Drain:
    """Give a drain beside which others append as much as it archives."""
    numbers = iter(range(1000, 10_000))

    async def asked(plan: Plan[Any]) -> Any:
        if "XREADGROUP" in plan.commands[0].words:
            put(server, next(numbers))
        return run(plan)

    return Drain(asked, archive, (OUTBOX,))


@pytest.mark.parametrize("call", ["once", "complete"])
def test_a_drain_ends_while_others_append(redis_server: RedisServer, url: str, call: str) -> None:
    async def work() -> None:
        for number in range(1, 11):
            put(redis_server, number)
        with running(redis_server) as run:
            async with opened(url) as archive, asyncio.timeout(ENOUGH_SECONDS):
                await getattr(never_quiet(redis_server, run, archive), call)()
                said = {seq for seq, _ in await archive.page("c", None, 100)}
        assert said >= {batch(number).records[0][0] for number in range(1, 11)}

    asyncio.run(work())


class Slow(Archive):
    """Takes a moment to write, and counts how often it is asked to."""

    writes = 0
    error: ArchiveUnavailableError | None = None

    async def write(self, entries: Any) -> bool:
        self.writes += 1
        await asyncio.sleep(0.2)
        if self.error:
            raise self.error
        return await super().write(entries)


async def five_at_once(
    server: RedisServer, archive: Archive
) -> tuple[list[BaseException | None], list[str]]:
    """Let five wait for what is on the outbox; gives what they got, and what was asked of Redis."""
    put(server, 1)
    asked: list[str] = []
    with running(server) as run:

        async def asking(plan: Plan[Any]) -> Any:
            asked.append(str(plan.commands[0].words[0]))
            return run(plan)

        drain = Drain(asking, archive, (OUTBOX,))
        got = await asyncio.gather(*(drain.complete() for _ in range(5)), return_exceptions=True)
    return got, asked


def test_who_waits_in_line_returns_when_another_did_it_for_all(
    redis_server: RedisServer, url: str
) -> None:
    async def work() -> None:
        archive = Slow(url)
        got, asked = await five_at_once(redis_server, archive)
        assert got == [None] * 5
        # One of them read, and the others only looked
        assert asked.count("XAUTOCLAIM") == 1
        assert archive.writes == 1
        await archive.aclose()

    asyncio.run(work())


def test_who_waits_in_line_behind_an_archive_that_went_away_does_not_try_it_again(
    redis_server: RedisServer, url: str
) -> None:
    async def work() -> None:
        archive = Slow(url)
        archive.error = ArchiveUnavailableError("it hangs")
        got, _ = await five_at_once(redis_server, archive)
        assert [str(each) for each in got] == ["it hangs"] * 5
        assert archive.writes == 1
        await archive.aclose()

    asyncio.run(work())


def test_on_a_cluster_one_conversation_asks_one_stream(redis_server: RedisServer, url: str) -> None:
    keys, asked = Keys(cluster=True), set[str]()

    async def finish() -> None:
        """Close nothing else."""

    with running(redis_server) as run:

        async def asking(plan: Plan[Any]) -> Any:
            words = [word for each in plan.commands for word in (*each.words, *each.keys)]
            asked.update(str(word) for word in words if str(word).startswith(OUTBOX))
            return run(plan)

        tier = ArchiveTier(Archive(url), asking, keys, interval=300, auto=False)
        tier.snapshot("c", 10).result(ENOUGH_SECONDS)
        tier.page("c", None, 10).result(ENOUGH_SECONDS)
        tier.took("c", [batch(1).records[0][1]], None).result(ENOUGH_SECONDS)
        assert asked == {keys.outbox("c")}
        tier.close(finish())


class Hanging:
    """Lets an archive hang whatever it is asked, for as long as a test says so."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.hangs = True
        run = Archive._run

        async def hang(archive: Archive, *args: Any, **options: Any) -> Any:
            if not self.hangs:
                return await run(archive, *args, **options)
            self.calls += 1
            await asyncio.sleep(HANGING_SECONDS)
            raise ArchiveUnavailableError("it did not answer in time")

        patch.setattr(Archive, "_run", hang)


def test_an_archive_that_hangs_is_waited_for_once_and_asked_again_when_it_is_found(
    redis_server: RedisServer,
    build: Build,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    look_often(monkeypatch)
    monkeypatch.setattr("openta_memory.archive.outage.PROBE_SECONDS", ENOUGH_SECONDS)
    # Given an archive that has a conversation which Redis lost, and hangs
    memory = build(redis_server.url)
    memory.append("c", make_turn(1, 0))
    memory.drain()
    with redis_server.client() as client:
        client.delete("conversation:c", "conversation:meta:c")
    hanging = Hanging(monkeypatch)
    caplog.set_level(logging.WARNING)
    memory.append("new0", make_turn(1, 0))
    # When many others ask for what Redis does not have
    tried = hanging.calls
    for number in range(1, 20):
        memory.append(f"new{number}", make_turn(1, 0))
    assert read(memory) == []
    # Then none of them waited for it, and the log told it once
    assert hanging.calls == tried
    assert [record.message for record in caplog.records] == [
        "[ARCHIVE] Redis serves alone: it did not answer in time"
    ]
    # And as soon as it is found, it is asked again
    hanging.hangs = False
    memory.drain()
    wait_until(lambda: read(memory) == ids([0]), "the conversation is restored")
    assert [record.message for record in caplog.records][1:] == ["[ARCHIVE] The archive is back"]


def test_health_waits_for_an_archive_no_longer_than_it_is_told_to(
    redis_server: RedisServer, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = build(redis_server.url)
    memory.ping_archive()
    monkeypatch.setattr("openta_memory.archive.tier.PING_SECONDS", 0.05)
    hanging = Hanging(monkeypatch)
    for _ in range(5):
        assert memory.health().archive is False
    # One question is enough for all
    assert hanging.calls == 1
    hanging.hangs = False
    wait_until(lambda: memory.health().archive is True, "it answers again")
