"""Which messages make a valid context: whole turns, no orphaned tool messages, within budgets.

A turn begins with a human or system message. A tool call is complete when every result it asked
for follows it; providers refuse a call without its results and a result without its call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ToolMessage,
)
from langchain_core.messages.utils import count_tokens_approximately

TokenCounter = Callable[[list[BaseMessage]], int]


# By name: LangChain's classes answer isinstance in Python, which adds up over a long history.
_BEGINS = {"human", "system", "HumanMessageChunk", "SystemMessageChunk"}
_CALLERS = {"ai", "AIMessageChunk"}
_TOOL_RESULTS = {"tool", "ToolMessageChunk"}
_RESULTS = _TOOL_RESULTS | {"function", "FunctionMessageChunk"}


def begins_turn(message: BaseMessage) -> bool:
    """Say whether a context may begin with this message."""
    return message.type in _BEGINS


def first_of_cut(messages: Sequence[BaseMessage]) -> int:
    """Say where a conversation that lost its front may begin.

    That is at a turn; inside a turn that was cut, at the first message that is no tool result;
    past the end where there is neither.
    """
    starts = _starts(messages)
    return starts[0] if starts else len(messages)


def without_orphans(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Leave out calls that lack a result, and results that lack their call."""
    kept: list[BaseMessage] = []
    index = 0
    while index < len(messages):
        message = messages[index]
        after = index + 1
        if message.type in _CALLERS and message.tool_calls:  # type: ignore[attr-defined]
            while after < len(messages) and isinstance(messages[after], ToolMessage):
                after += 1
            kept += _complete_call(message, messages[index + 1 : after])  # type: ignore[arg-type]
        elif message.type not in _TOOL_RESULTS:
            kept.append(message)
        index = after
    return kept


def _complete_call(call: AIMessage, results: Sequence[BaseMessage]) -> list[BaseMessage]:
    asked = {wanted["id"] for wanted in call.tool_calls}
    answers = [m for m in results if isinstance(m, ToolMessage) and m.tool_call_id in asked]
    complete = {answer.tool_call_id for answer in answers} == asked
    return [call, *answers] if complete else []


def valid_window(
    messages: Sequence[BaseMessage],
    *,
    max_messages: int | None = None,
    max_tokens: int | None = None,
    token_counter: TokenCounter | Any | None = None,
) -> list[BaseMessage]:
    """Give the longest tail that is a valid context within both budgets.

    It begins at a turn. Where even the last turn is too long, it begins inside that turn, at a
    message that is no tool result; where nothing fits, it is empty.

    Args:
        messages: A conversation, oldest first.
        max_messages: How many messages at the most; None or 0 sets no limit.
        max_tokens: How many tokens at the most; None sets no limit.
        token_counter: A function of a list of messages, or a LangChain model, whose
            `get_num_tokens_from_messages` is used; without one, LangChain's approximate count.

    Raises:
        ValueError: When a budget is negative.
    """
    if (max_messages or 0) < 0 or (max_tokens or 0) < 0:
        raise ValueError("max_messages and max_tokens must be 0 or more")
    tail = without_orphans(messages)
    starts = _starts(tail)
    if max_messages:
        starts = [index for index in starts if len(tail) - index <= max_messages]
    if max_tokens is not None:
        count = _counter(token_counter)
        # Later starts cost fewer tokens: the first that fits is found by halving.
        fits = bisect_left(starts, True, key=lambda index: count(tail[index:]) <= max_tokens)  # noqa: FBT003
        starts = starts[fits:]
    return tail[starts[0] :] if starts else []


def _starts(messages: Sequence[BaseMessage]) -> list[int]:
    """List where a context may begin: at every turn, then inside the last turn."""
    turns = [index for index, message in enumerate(messages) if begins_turn(message)]
    inside = range(turns[-1] + 1 if turns else 0, len(messages))
    return turns + [index for index in inside if not _is_result(messages[index])]


def _is_result(message: BaseMessage) -> bool:
    return message.type in _RESULTS


def _counter(given: TokenCounter | Any | None) -> TokenCounter:
    if given is None:
        return count_tokens_approximately
    counter: TokenCounter = getattr(given, "get_num_tokens_from_messages", given)
    return counter
