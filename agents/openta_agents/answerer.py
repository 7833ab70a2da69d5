"""Answers from a small table, with the turn before in mind: no model, no key, no network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableLambda

from openta_agents.topics import TOPICS, Topic, topic_of

QUOTED_CHARACTERS = 120

# Words that say how to answer and not on what: a question of these alone follows up.
_FILLERS = (
    "a about again an and another any are be can could describe do does else example examples "
    "explain for further give got have how i in instance is it its me mean means more of on one "
    "ones other please show simple some something tell that the them there these they this those "
    "to us was well what which who why will with would you your"
)
_ON_NO_SUBJECT = frozenset(_FILLERS.split())


@dataclass(frozen=True, slots=True)
class _Reading:
    asked: str
    followed: str | None  # the earlier question that this one follows up, if it does
    before: str | None  # the question just before


def build_answerer() -> Runnable[dict[str, Any], dict[str, Any]]:
    """Build the runnable that answers from a question and its history.

    Takes `{"question": message or text, "history": messages}`, gives
    `{"answer": AIMessage, "search_query": text}`: the query is the question made to stand alone.
    """
    return RunnableLambda(_answer, _aanswer, name="answerer")


def _answer(given: dict[str, Any]) -> dict[str, Any]:
    said, search_query = _compose(_read(given))
    return {"answer": AIMessage(said, id=str(uuid4())), "search_query": search_query}


async def _aanswer(given: dict[str, Any]) -> dict[str, Any]:
    # Given as well, or LangChain would send the function to a thread.
    return _answer(given)


def _read(given: dict[str, Any]) -> _Reading:
    asked = _text(given["question"])
    before = [message.text for message in given["history"] if isinstance(message, HumanMessage)]
    followed = None if _has_subject(asked) else _last_with_subject(before)
    return _Reading(asked, followed, before[-1] if before else None)


def _compose(reading: _Reading) -> tuple[str, str]:
    topic = topic_of(reading.followed or reading.asked)
    if topic is None:
        return _unknown(reading), reading.followed or reading.asked
    if reading.followed is None:
        return _on_topic(topic, reading), reading.asked
    opening = f"Following up on your question “{_quoted(reading.followed)}”."
    return f"{opening} {_on_topic(topic, reading)}", f"{topic.name}: {reading.asked}"


def _on_topic(topic: Topic, reading: _Reading) -> str:
    if re.search(r"\b(examples?|instance)\b", reading.asked, re.IGNORECASE):
        return f"Here is an example of {topic.name}: {topic.example}"
    if reading.followed:
        return f"{topic.definition} For example: {topic.example}"
    return topic.definition


def _unknown(reading: _Reading) -> str:
    known = ", ".join(topic.name for topic in TOPICS)
    sorry = f"I have nothing on that yet; what I can speak of is: {known}."
    earlier = reading.followed or reading.before
    return f"{sorry} Before this you asked: “{_quoted(earlier)}”." if earlier else sorry


def _has_subject(text: str) -> bool:
    return not _ON_NO_SUBJECT.issuperset(re.findall(r"\w+", text.lower()))


def _last_with_subject(questions: Sequence[str]) -> str | None:
    return next((text for text in reversed(questions) if _has_subject(text)), None)


def _text(question: BaseMessage | str) -> str:
    return question if isinstance(question, str) else question.text


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= QUOTED_CHARACTERS else line[: QUOTED_CHARACTERS - 1] + "…"
