"""How long an append is remembered, and that remembering takes little room."""

from __future__ import annotations

from typing import Any

from langchain_core.messages import HumanMessage

from openta_memory import ConversationMemory

META = "conversation:meta:c"


def append(memory: ConversationMemory, name: str) -> bool:
    return memory.append("c", [HumanMessage(name)], token=name).repeated


def room(client: Any) -> int:
    return sum(len(value or b"") for value in client.hmget(META, "tokens", "older"))


def test_a_hundred_appends_later_a_token_is_still_known(client: Any) -> None:
    memory = ConversationMemory(client=client)
    first = memory.append("c", [HumanMessage("mine")], token="mine")
    for number in range(100):
        assert not append(memory, f"other {number}")
    again = memory.append("c", [HumanMessage("mine")], token="mine")
    assert (again.seq, again.length, again.repeated) == (first.seq, first.length, True)
    assert append(memory, "other 0")
    assert append(memory, "other 99")


def test_a_thousand_appends_take_no_more_than_five_kilobytes(client: Any) -> None:
    memory = ConversationMemory(client=client)
    for number in range(1000):
        append(memory, str(number))
    assert room(client) < 5_000
    assert append(memory, "999")


def test_what_is_older_than_a_minute_is_forgotten(client: Any) -> None:
    memory = ConversationMemory(client=client)
    for number in range(300):
        append(memory, str(number))
    for field in ("tokens", "older"):
        aged = (client.hget(META, field) or b"").replace(b" 1", b" 0")
        client.hset(META, field, aged)
    for number in range(20):
        append(memory, f"new {number}")
    assert room(client) < 1200
    assert append(memory, "new 0")
