"""What of the messages that a runnable hands back is new.

`RunnableWithMessageHistory` hands a run's input and output to the history as one list. A runnable
that returns its whole message list puts into it, after the input, what it was given: the history
and the input again, perhaps behind its prompt's system message.

A message is known by its id; where one side has none, by its position and content.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from langchain_core.messages import BaseMessage


def new_messages(
    handed: Sequence[BaseMessage],
    *,
    history: Sequence[BaseMessage],
    begun: Sequence[BaseMessage] = (),
) -> list[BaseMessage]:
    """Leave out of a run's messages what is stored already.

    A new message under an id that the history has (as caches and test doubles of models hand
    out) gets an id of its own, so that neither is taken for the other.

    Args:
        handed: The run's input, then its output.
        history: What the run was given to read.
        begun: What of the input was stored before the run, as it was given.
    """
    fresh = _without_begun(_without_echo(handed, history), begun)
    if not any(message.id for message in fresh):
        return fresh
    places = {message.id: place for place, message in enumerate(history) if message.id}
    kept: list[BaseMessage] = []
    twins: dict[str, BaseMessage] = {}
    for index, message in enumerate(fresh):
        twin = twins.get(message.id or "")
        if twin and _equal(twin, message):
            continue
        if _is_handed_back(fresh, index, history, places):
            continue
        is_taken = twin or message.id in places
        kept.append(message.model_copy(update={"id": str(uuid4())}) if is_taken else message)
        if message.id:
            twins[message.id] = message
    return kept


def same(one: BaseMessage, other: BaseMessage) -> bool:
    """Say whether two messages are the same, by id, or by content where one has no id."""
    if one.id and other.id:
        return one.id == other.id
    return _equal(one, other)


def _equal(one: BaseMessage, other: BaseMessage) -> bool:
    return (
        one.type == other.type
        and one.content == other.content
        and getattr(one, "tool_calls", None) == getattr(other, "tool_calls", None)
    )


def _is_handed_back(
    handed: Sequence[BaseMessage],
    index: int,
    history: Sequence[BaseMessage],
    places: dict[str, int],
) -> bool:
    """Say whether a message is one of the history's, standing where the history has it.

    The last message handed is the run's answer, whatever its id.
    """
    place = places.get(handed[index].id or "")
    if place is None or index + 1 == len(handed):
        return False
    if place + 1 < len(history):
        return handed[index + 1].id == history[place + 1].id
    return _equal(handed[index], history[place])


def _without_echo(
    handed: Sequence[BaseMessage], history: Sequence[BaseMessage]
) -> list[BaseMessage]:
    """Leave out the input's echo and what of the history stands before it.

    How many messages are the input isn't told: the longest that is found again is taken.
    """
    ids = {message.id for message in history if message.id}
    best = (0, 0)
    for start in range(1, len(handed)):
        if same(handed[start], handed[0]):
            for count in range(_common(handed, start), max(best[0] - 1, 0), -1):
                if _is_context(handed[count:start], history, ids):
                    best = max(best, (count, start))
                    break
    count, start = best
    return [*handed[:count], *handed[start + count :]]


def _common(handed: Sequence[BaseMessage], start: int) -> int:
    """Count how many messages from `start` on are those that the list begins with."""
    count = 0
    while count < start and start + count < len(handed):
        if not same(handed[start + count], handed[count]):
            break
        count += 1
    return count


def _is_context(
    messages: Sequence[BaseMessage], history: Sequence[BaseMessage], ids: set[str]
) -> bool:
    """Say whether messages are instructions and the latest of the history, in their order."""
    spoken = [message for message in messages if message.type != "system"]
    if len(spoken) > len(history):
        return False
    tail = history[len(history) - len(spoken) :]
    return all(
        message.id in ids or same(message, known)
        for message, known in zip(spoken, tail, strict=True)
    )


def _without_begun(messages: list[BaseMessage], begun: Sequence[BaseMessage]) -> list[BaseMessage]:
    for start in range(len(messages) - len(begun) + 1 if begun else 0):
        if all(same(messages[start + place], known) for place, known in enumerate(begun)):
            return messages[:start] + messages[start + len(begun) :]
    return messages
