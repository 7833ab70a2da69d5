"""Turns that tell who wrote them, and what a conversation made of them must look like."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage


def make_turn(writer: int, number: int) -> list[BaseMessage]:
    """Build a question and its answer; every third turn has a tool call in between."""
    name = f"{writer}-{number}"
    messages: list[BaseMessage] = [HumanMessage(f"question {name}", id=f"{name}-question")]
    if number % 3 == 0:
        call = {"name": "find_papers", "args": {"of": name}, "id": f"call-{name}"}
        messages += [
            AIMessage("", tool_calls=[call], id=f"{name}-call"),
            ToolMessage(f"result {name}", tool_call_id=f"call-{name}", id=f"{name}-result"),
        ]
    return [*messages, AIMessage(f"answer {name}", id=f"{name}-answer")]


def split_turns(messages: Sequence[BaseMessage]) -> list[tuple[int, int]]:
    """Give (writer, number) of each turn; fail where a turn is torn, mixed or incomplete."""
    turns: list[tuple[int, int]] = []
    start = 0
    while start < len(messages):
        name, _, part = str(messages[start].id).rpartition("-")
        assert part == "question", f"message {start} begins no turn: {messages[start].id}"
        writer, number = (int(figure) for figure in name.split("-"))
        expected = make_turn(writer, number)
        held = messages[start : start + len(expected)]
        assert [message.id for message in held] == [message.id for message in expected]
        assert [message.content for message in held] == [message.content for message in expected]
        turns.append((writer, number))
        start += len(expected)
    return turns


def assert_nothing_lost_or_doubled(
    messages: Sequence[BaseMessage], *, writers: Iterable[int], turns: int
) -> None:
    """Check that each writer's turns are there once, whole and in the order it wrote them."""
    written = defaultdict(list)
    for writer, number in split_turns(messages):
        written[writer].append(number)
    assert written == {writer: list(range(turns)) for writer in writers}
