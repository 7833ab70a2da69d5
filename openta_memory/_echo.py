"""What of the messages that a runnable hands back is new.

`RunnableWithMessageHistory` hands a run's input and output to the history as one list. A runnable
that returns its whole message list puts into it, after the input, what it was given: the history
and the input again, perhaps behind its prompt's system message.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from langchain_core.messages import BaseMessage, SystemMessage


def new_messages(
    handed: Sequence[BaseMessage],
    *,
    history: Sequence[BaseMessage],
    begun: Sequence[BaseMessage] = (),
) -> list[BaseMessage]:
    """Leave out of a run's messages what is stored already.

    A message is known by its id; where one side has none, by its position and content. A new
    message under an id that another message has (as test doubles of models hand out) gets an id
    of its own, so that neither is taken for the other.

    Args:
        handed: The run's input, then its output.
        history: What the run was given to read.
        begun: What of the input was stored before the run.
    """
    fresh = _without_block(_without_echo(handed, history), begun)
    if not any(message.id for message in fresh):
        return fresh
    stored = {message.id: message for message in (*history, *begun) if message.id}
    kept = []
    for message in fresh:
        twin = stored.get(message.id) if message.id else None
        if twin is not None and twin.type == message.type and twin.content == message.content:
            continue
        kept.append(message.model_copy(update={"id": str(uuid4())}) if twin else message)
        if message.id:
            stored[message.id] = message
    return kept


def same(one: BaseMessage, other: BaseMessage) -> bool:
    """Say whether two messages are the same, by id, or by content where one has no id."""
    if one.id and other.id:
        return one.id == other.id
    return one.type == other.type and one.content == other.content


def _without_echo(
    handed: Sequence[BaseMessage], history: Sequence[BaseMessage]
) -> list[BaseMessage]:
    # How many of the messages are input isn't told: the longest input whose echo is found is it.
    for count in range(len(handed) // 2, 0, -1):
        given, output = handed[:count], handed[count:]
        end = _echo_end(output, history, given)
        if end:
            return [*given, *output[end:]]
    return list(handed)


def _echo_end(
    output: Sequence[BaseMessage], history: Sequence[BaseMessage], given: Sequence[BaseMessage]
) -> int:
    """Tell where the echo of the input ends, with only history and instructions before it."""
    end = 0
    for start in range(len(output) - len(given) + 1):
        if _matches(output[start : start + len(given)], given):
            end = start + len(given)
        if start + len(given) < len(output) and not _is_context(output[start], history):
            break
    return end


def _is_context(message: BaseMessage, history: Sequence[BaseMessage]) -> bool:
    return isinstance(message, SystemMessage) or any(same(message, known) for known in history)


def _without_block(messages: list[BaseMessage], block: Sequence[BaseMessage]) -> list[BaseMessage]:
    for start in range(len(messages) - len(block) + 1 if block else 0):
        if _matches(messages[start : start + len(block)], block):
            return messages[:start] + messages[start + len(block) :]
    return messages


def _matches(some: Sequence[BaseMessage], others: Sequence[BaseMessage]) -> bool:
    return all(same(one, other) for one, other in zip(some, others, strict=True))
