"""`show`, `list`, `export` and `stats`: what is stored is told, as it is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from support.archives import MS, batch, using
from support.redis_server import RedisServer

from openta_memory import ConversationMemory
from openta_memory.archive import Batch
from openta_memory.testing import turn

Run = Callable[..., Any]


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def contents(records: list[dict[str, Any]]) -> list[Any]:
    return [record["content"] for record in records]


def write(database: str, *entries: Batch) -> None:
    using(database, lambda archive: archive.write(entries))


def test_show_prints_the_records_as_redis_holds_them(
    run: Run, memory: ConversationMemory, raw: Any
) -> None:
    answer = AIMessage(
        "42", additional_kwargs={"sources": ["Paper_001"]}, response_metadata={"a": 1}
    )
    memory.append("a:b c", [HumanMessage("ünïcode?", name="ann"), answer])
    stored = [json.loads(record) for record in raw.lrange("conversation:a%3Ab%20c", 0, -1)]
    shown = run("show", "a:b c")
    assert (json.loads(shown.stdout), shown.stderr, shown.exit_code) == (stored, "", 0)


def test_show_prints_what_only_the_archive_has(
    run: Run, memory: ConversationMemory, raw: Any
) -> None:
    memory.append("c", turn(1))
    memory.drain()
    raw.flushall()
    assert contents(json.loads(run("show", "c").stdout)) == ["question 1", "answer 1"]


@pytest.mark.usefixtures("redis_url")
def test_show_needs_no_archive(run: Run, redis_url: str) -> None:
    ConversationMemory(redis_url=redis_url).append("c", turn(1))
    assert contents(json.loads(run("show", "c").stdout)) == ["question 1", "answer 1"]


def test_show_archived_prints_all_that_was_said_past_the_cap(
    run: Run, redis_url: str, database: str
) -> None:
    memory = ConversationMemory(redis_url=redis_url, database=database, max_messages=2)
    for number in range(4):
        memory.append("c", turn(number))
    memory.close()
    all_of_it = [text for number in range(4) for text in (f"question {number}", f"answer {number}")]
    assert contents(json.loads(run("show", "c").stdout)) == all_of_it[-2:]
    assert contents(json.loads(run("show", "c", "--archived").stdout)) == all_of_it


@pytest.mark.parametrize("words", [["show", "c"], ["show", "c", "--archived"], ["export", "c"]])
@pytest.mark.usefixtures("memory")
def test_a_conversation_that_is_not_there_is_told_in_one_line(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "openta-memory: there is no conversation c\n"


def test_list_gives_an_owners_conversations_newest_first(run: Run, database: str) -> None:
    write(
        database,
        batch(1, of="old", owner="ann"),
        batch(3, of="new [b]x[/b]", owner="ann", first=1),
        batch(2, of="hers", owner="bob", first=1),
    )
    listed = json.loads(run("list", "--owner", "ann", "--json").stdout)
    assert [(row["conversation_id"], row["messages"]) for row in listed] == [
        ("new [b]x[/b]", 2),
        ("old", 2),
    ]
    assert listed[1]["updated_at"] == "2023-11-14T22:13:20.001+00:00"
    table = run("list", "--owner", "ann", "--limit", "1").stdout
    assert "new [b]x[/b]" in table
    assert "old" not in table


@pytest.mark.usefixtures("database")
def test_list_of_an_owner_without_conversations_is_empty(run: Run) -> None:
    assert json.loads(run("list", "--owner", "nobody", "--json").stdout) == []


def test_export_gives_every_message_oldest_first_whatever_the_pages(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openta_memory.cli.shelf.RECORDS_A_PAGE", 3)
    monkeypatch.setattr("openta_memory.cli.shelf.IDS_A_PAGE", 2)
    write(
        database,
        *(batch(number, of=f"c{index}") for index in range(5) for number in range(1, index + 2)),
    )
    exported = [(line["conversation_id"], line["seq"]) for line in lines(run("export").stdout)]
    assert exported == [(f"c{index}", seq) for index in range(5) for seq in range(1, 2 * index + 3)]


def test_export_keeps_messages_whose_number_stands_twice_and_passes_over_gaps(
    run: Run, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openta_memory.cli.shelf.RECORDS_A_PAGE", 2)
    # Those that come later under numbers that are taken are numbered beyond all others
    doubled = [batch(number, first=3) for number in range(1, 5)]
    write(database, *doubled, batch(9, first=20))
    exported = lines(run("export").stdout)
    later = [2**40 + 3] * 3 + [2**40 + 4] * 3
    assert [line["seq"] for line in exported] == [3, 4, 20, 21, *later]
    assert len({line["id"] for line in exported}) == 10


def test_export_takes_ids_and_an_owner(run: Run, database: str) -> None:
    write(
        database,
        batch(1, of="a", owner="ann"),
        batch(1, of="b", owner="bob"),
        batch(1, of="c", owner="ann"),
    )

    def ids(*words: str) -> list[str]:
        return [line["conversation_id"] for line in lines(run("export", *words).stdout)][::2]

    assert ids("--owner", "ann") == ["a", "c"]
    assert ids("c", "b") == ["c", "b"]
    refused = run("export", "--owner", "ann", "b", "c")
    assert [line["conversation_id"] for line in lines(refused.stdout)] == ["c", "c"]
    assert (refused.exit_code, refused.stderr) == (1, "openta-memory: there is no conversation b\n")


def test_export_holds_what_was_still_waiting(run: Run, memory: ConversationMemory) -> None:
    memory.append("c", turn(1))
    assert contents(lines(run("export").stdout)) == ["question 1", "answer 1"]


def test_a_record_that_cannot_be_decoded_is_exported_as_text_and_told(
    run: Run, database: str
) -> None:
    whole = batch(1)
    write(database, Batch("c", None, MS, whole.position, (*whole.records, (3, b"not\xff json"))))
    result = run("export")
    assert lines(result.stdout)[2] == {
        "conversation_id": "c",
        "seq": 3,
        "undecodable": "not\\xff json",
    }
    assert (result.exit_code, result.stderr) == (
        1,
        "openta-memory: message 3 of c can't be decoded\n",
    )


EXPORT = """
import resource, sys
from openta_memory.cli.app import app
app(["export", sys.argv[1]], standalone_mode=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def test_exports_memory_does_not_grow_with_the_conversation(database: str, tmp_path: Path) -> None:
    text = "x" * 3000
    for number in range(20):
        batches = [
            batch(1 + number, [HumanMessage(text) for _ in range(1000)], of="long", first=first)
            for first in [1 + 1000 * number]
        ]
        write(database, *(Batch("long", None, MS, b.position, unnamed(b)) for b in batches))
    write(database, batch(1, of="short"))

    def peak(conversation_id: str) -> tuple[int, int]:
        path = tmp_path / conversation_id
        with path.open("wb") as out:
            done = subprocess.run(
                [sys.executable, "-c", EXPORT, conversation_id],
                stdout=out,
                stderr=subprocess.PIPE,
                check=True,
            )
        return int(done.stderr), path.stat().st_size

    (short, _), (long, size) = peak("short"), peak("long")
    assert size > 60_000_000
    assert long - short < 20_000


def unnamed(found: Batch) -> tuple[tuple[int, bytes], ...]:
    """Take the ids away, which would be the same for all."""
    return tuple((seq, raw.replace(b'"id":"unnamed"', b'"id":""')) for seq, raw in found.records)


def test_stats_count_what_waits_and_what_is_archived(
    run: Run, memory: ConversationMemory, database: str, redis_url: str
) -> None:
    memory.append("a", turn(1))
    memory.append("b", turn(1))
    memory.drain()
    memory.append("b", turn(2))
    told = json.loads(run("stats", "--json").stdout)
    assert told == {
        "redis": redis_url,
        "outbox": 1,
        "parked": 0,
        "archive": database,
        "conversations": 2,
        "messages": 4,
    }
    assert "conversations" in run("stats").stdout


def test_stats_show_no_password(
    run: Run, start_redis: Callable[..., RedisServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start_redis("--requirepass", "hidden")
    monkeypatch.setenv("REDIS_URL", f"redis://:hidden@127.0.0.1:{server.port}")
    result = run("stats", "--json")
    assert json.loads(result.stdout)["redis"] == server.url
    assert "hidden" not in result.output
