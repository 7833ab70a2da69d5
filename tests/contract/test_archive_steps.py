"""What the scripts do for an archive: the outbox, the cold answer, and restoring."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage

from openta_memory import Appended, Metadata
from openta_memory._plans import Plan, Plans
from openta_memory.store import RedisStore
from openta_memory.testing import turn

LIST, META, OUTBOX = "conversation:c", "conversation:meta:c", "openta:outbox"
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KNOWN = Metadata("c", "ann", 41, 2, THEN, THEN, "Papers", 60)


@pytest.fixture
def run(client: Any) -> Callable[[Plan[Any]], Any]:
    return RedisStore(client, server="test").run


Run = Callable[[Plan[Any]], Any]
PLANS, WITHOUT = Plans(ttl=60, archived=True), Plans(ttl=60)
RECORDS = [PLANS.codec.encode("c", message, new_id="n", now_ms=1) for message in turn(9)]


def append(
    plans: Plans, messages: list[BaseMessage], *, token: str | None = None, **given: Any
) -> Plan[Appended]:
    return plans.append("c", plans.prepare("c", messages, token), **given)


def begin(run: Run, messages: list[BaseMessage], *, plans: Plans = PLANS, **given: Any) -> Appended:
    """Append to a conversation that is not there, as one does who asked the archive first."""
    batch = plans.prepare("c", messages, given.pop("token", None))
    run(plans.append("c", batch, **given))
    begun: Appended = run(plans.append("c", batch, archive="asked", **given))
    return begun


def restore(run: Run, records: list[bytes], known: Metadata, name: bytes = b"me") -> Appended:
    """Put a conversation back, as one does who found it lost and asked the archive."""
    run(PLANS.window("c", name=name))
    restored: Appended = run(PLANS.restore("c", records, known, name))
    return restored


def entries(client: Any) -> list[dict[str, str]]:
    return [
        {name.decode(): value.decode() for name, value in fields.items()}
        for _, fields in client.xrange(OUTBOX)
    ]


def test_without_an_archive_nothing_is_put_on_the_outbox(client: Any, run: Run) -> None:
    run(append(WITHOUT, turn(1)))
    run(WITHOUT.clear("c"))
    assert client.exists(OUTBOX) == 0


def test_with_an_archive_a_conversation_redis_has_not_is_cold_and_nothing_is_written(
    client: Any, run: Run
) -> None:
    appended = run(append(PLANS, turn(1), owner="ann"))
    assert appended.cold
    assert client.keys() == [b"openta:asked:c"]
    assert 0 < client.ttl("openta:asked:c") <= 60


def test_once_the_archive_was_asked_the_append_is_done(run: Run) -> None:
    appended = begin(run, turn(1), owner="ann")
    assert (appended.cold, appended.created, appended.seq) == (False, True, 2)
    assert not run(append(PLANS, turn(2), owner="ann")).cold


@pytest.mark.parametrize("lost", [LIST, META])
def test_a_conversation_that_lost_one_of_its_keys_is_cold(client: Any, run: Run, lost: str) -> None:
    begin(run, turn(1))
    client.delete(lost)
    assert run(append(PLANS, turn(2))).cold


def test_a_conversation_that_has_no_messages_yet_is_not_cold(run: Run) -> None:
    begin(run, [])
    assert not run(append(PLANS, turn(1))).cold


def test_the_outbox_carries_what_was_appended_and_cleared_in_order(client: Any, run: Run) -> None:
    begin(run, turn(1), owner="ann")
    run(append(PLANS, turn(2)))
    run(PLANS.clear("c", token="t"))
    first, second, third = entries(client)
    assert (first["op"], first["id"], first["owner"]) == ("append", "c", "ann")
    assert [json.loads(first[seq])["content"] for seq in "12"] == ["question 1", "answer 1"]
    assert [json.loads(second[seq])["content"] for seq in "34"] == ["question 2", "answer 2"]
    assert second["owner"] == "ann"
    assert abs(int(first["at"]) / 1000 - datetime.now(UTC).timestamp()) < 60
    assert third == {"op": "clear", "id": "c", "owner": "ann", "token": "t"}


def test_the_same_token_puts_nothing_on_the_outbox_again(client: Any, run: Run) -> None:
    for _ in range(3):
        begin(run, turn(1), token="t")
    assert client.xlen(OUTBOX) == 1


def test_a_large_batch_is_put_on_the_outbox_in_parts(client: Any, run: Run) -> None:
    batch = [HumanMessage(str(number)) for number in range(2500)]
    begin(run, batch, plans=Plans(max_messages=0, archived=True))
    sent = [int(name) for entry in entries(client) for name in entry if name.isdigit()]
    assert client.xlen(OUTBOX) == 3
    assert sent == list(range(1, 2501))


def test_a_restored_conversation_is_as_it_was_and_goes_on_counting(client: Any, run: Run) -> None:
    restored = restore(run, RECORDS, KNOWN)
    assert (restored.seq, restored.length, restored.repeated) == (41, 2, False)
    window = run(PLANS.window("c", owner="ann"))
    assert [message.text for message in window.messages] == ["question 9", "answer 9"]
    assert window.metadata == KNOWN
    assert run(append(PLANS, turn(1), owner="ann")).seq == 43
    assert 0 < client.ttl(LIST) <= 60
    assert client.ttl(LIST) == client.ttl(META)


def test_what_redis_has_by_now_is_not_restored_over(client: Any, run: Run) -> None:
    run(append(WITHOUT, turn(1)))
    again = restore(run, RECORDS, KNOWN)
    assert (again.seq, again.length, again.repeated) == (2, 2, True)
    assert client.llen(LIST) == 2


@pytest.mark.parametrize("left", [LIST, META])
def test_what_is_left_of_a_lost_conversation_gives_way(client: Any, run: Run, left: str) -> None:
    run(append(WITHOUT, turn(1)))
    client.delete(META if left == LIST else LIST)
    assert not restore(run, RECORDS, KNOWN).repeated
    records = [json.loads(raw)["content"] for raw in client.lrange(LIST, 0, -1)]
    assert records == ["question 9", "answer 9"]


def test_a_conversation_without_owner_title_or_messages_can_be_restored(run: Run) -> None:
    bare = replace(KNOWN, owner=None, title=None, seq=0, length=0)
    restore(run, [], bare)
    assert run(PLANS.metadata("c")) == bare
    assert restore(run, RECORDS, KNOWN).repeated


def test_a_clear_is_put_on_the_outbox_even_when_redis_has_nothing(client: Any, run: Run) -> None:
    assert run(PLANS.clear("c")) is False
    assert client.xlen(OUTBOX) == 1


def test_an_answer_that_is_old_is_neither_restored_nor_begun_from(client: Any, run: Run) -> None:
    # Given two who found a conversation lost and asked the archive, and one who put it back
    batch = PLANS.prepare("c", turn(3))
    assert run(PLANS.append("c", batch)).cold
    run(PLANS.window("c", name=b"slow"))
    restore(run, RECORDS, KNOWN)
    # When Redis loses it again
    client.delete(LIST, META)
    # Then the others' answers are old, until they ask again
    assert run(PLANS.restore("c", RECORDS, KNOWN, b"slow")).cold
    assert run(PLANS.append("c", batch, archive="asked")).cold
    assert client.exists(LIST, META) == 0
    assert run(PLANS.append("c", batch, archive="asked")).created


def test_what_was_cleared_meanwhile_is_not_restored(client: Any, run: Run) -> None:
    run(PLANS.window("c", name=b"slow"))
    run(PLANS.clear("c"))
    assert run(PLANS.restore("c", RECORDS, KNOWN, b"slow")).cold
    assert client.exists(LIST, META) == 0


def test_while_the_archive_is_away_numbers_are_provisional(client: Any, run: Run) -> None:
    begun = run(append(PLANS, turn(1), archive="away"))
    assert begun.seq == 2**40 + 2
    assert run(append(PLANS, turn(2))).seq == 2**40 + 4
    client.delete(LIST)
    assert run(append(PLANS, turn(3), archive="away")).seq == 2**40 + 6
