"""Which search a question means, with the turns before in mind: a rule, no model.

A question that leans on the turn before takes its topic along: what the last question with a
subject named, or what the last answer cited under the number that is pointed at. A question that
stands alone takes nothing along.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from openta_agents.cues import Reading, is_small_talk, read, subject_of
from openta_agents.language import STOP_WORDS, Language
from openta_agents.phrases import phrases_in

# A question longer than this is read from its start only, in characters.
LONGEST_READ = 4000
MOST_WORDS = 24
QUOTED_CHARACTERS = 120

_NAMED_WORDS = 5
_NAMING = re.compile(
    r"^\W*(?:(?:what|who)(?:['\u2019]s| is| are| was| were)"
    r"|apa itu|siapa itu|apa yang dimaksud(?: dengan)?|define|explain|describe|jelaskan"
    r"|(?:please |can you |could you )*(?:tell me (?:more )?about|explain|describe)"
    r"|(?:what|how) about|and|dan|bagaimana dengan|ceritakan tentang)"
    r"\s+(?:(?:an?|the|tentang|apa itu)\s+)?(?P<name>[^\s?!.;:,]+(?: [^\s?!.;:,]+){0,4})[\s?!.]*$",
    re.IGNORECASE,
)
_NTH = (
    ("first", "1st", "pertama"),
    ("second", "2nd", "kedua"),
    ("third", "3rd", "ketiga"),
    ("fourth", "4th", "keempat"),
    ("fifth", "5th", "kelima"),
)
_PLACES = {word: place for place, forms in enumerate(_NTH) for word in forms} | dict.fromkeys(
    ("last", "terakhir"), -1
)
_KIND = r"(?:ones?|papers?|articles?|works?|study|source|item|title|result)"
_PLACE = re.compile(
    rf"\bthe ({'|'.join(_PLACES)})(?: {_KIND}\b(?! (?:of|on|about|to|that|for|in|by)\b)|\W*$)"
    rf"|\b(?:yang|makalah|artikel|sumber) ({'|'.join(_PLACES)})\b(?! kali)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\b(?:number|paper|source|nomor|makalah|sumber) ([0-9]{1,2})\b|\[([0-9]{1,2})\]", re.IGNORECASE
)
_LISTED = re.compile(r"^[ \t]*(?:[0-9]{1,2}[.)]|[-*])[ \t]+[“\"]?([^”\"\n:]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Standalone:
    """A question made to stand alone.

    Attributes:
        query: What to search for.
        follows: The topic or question of the turn it leans on; None: it stands alone.
        only: The title of the one paper that it points at; None: it points at none.
    """

    query: str
    follows: str | None
    only: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Topic:
    name: str
    words: tuple[str, ...]
    title: str | None = None


def standalone(question: str, history: Sequence[BaseMessage]) -> Standalone:
    """Give the search that a question means after the messages before it.

    Args:
        question: What is asked now.
        history: The messages before it, oldest first; those of tools and systems tell nothing.

    Example:
        >>> standalone("An example?", [HumanMessage("What is machine learning?")])
        Standalone(query='machine learning', follows='machine learning')
    """
    reading = read(question[:LONGEST_READ])
    topic = _leant_on(question, reading, history)
    if topic is None:
        return Standalone(question.strip(), None)
    return Standalone(" ".join(_joined(reading, topic)), topic.name, only=topic.title)


def _leant_on(question: str, reading: Reading, history: Sequence[BaseMessage]) -> _Topic | None:
    topic, answer = _talked_of(history)
    pointed = _pointed_at(question, answer)
    return pointed or topic or _said_in(answer) if reading.leans else pointed


def _talked_of(history: Sequence[BaseMessage]) -> tuple[_Topic | None, AIMessage | None]:
    """Give the topic that a conversation is on, and the last answer that told something.

    Small talk and questions that no paper matched leave both as they were.
    """
    topic, before, answer = None, None, None
    for message in history:
        said = _text(message)
        if isinstance(message, HumanMessage) and said:
            before, topic = topic, _after(said, topic, answer)
        elif isinstance(message, AIMessage) and _matched_nothing(message):
            topic = before
        elif isinstance(message, AIMessage) and said and not _is_pleased(said):
            answer = message
    return topic, answer


def _matched_nothing(answer: AIMessage) -> bool:
    said = _text(answer).endswith(tuple(phrases_in(language).nothing for language in Language))
    return said and not answer.additional_kwargs.get("citations")


def _is_pleased(said: str) -> bool:
    return said in {phrases_in(language).pleased for language in Language}


def _after(question: str, topic: _Topic | None, answer: AIMessage | None) -> _Topic | None:
    """Give the topic that a conversation is on after a question."""
    if is_small_talk(question):
        return topic
    reading = read(question)
    if not reading.leans and reading.subject:
        return _Topic(_name(question, reading.subject), reading.subject)
    if reading.turns and reading.subject:
        return _Topic(_name(question, reading.subject), reading.subject)
    if not reading.leans:
        return topic
    topic = _pointed_at(question, answer) or topic or _said_in(answer)
    if topic is None:
        return (
            _Topic(_name(question, reading.subject), reading.subject) if reading.subject else None
        )
    return _Topic(topic.name, _joined(reading, topic)[:MOST_WORDS])


def _joined(reading: Reading, topic: _Topic) -> tuple[str, ...]:
    if reading.turns:
        # Whole, as neighbours are searched for together: "deep learning machine learning".
        return (*reading.searched, *topic.words)[:MOST_WORDS]
    return _once([*topic.words, *reading.searched])[:MOST_WORDS]


def _once(spoken: Iterable[str]) -> tuple[str, ...]:
    return tuple({word.lower(): word for word in reversed(list(spoken))}.values())[::-1]


def _pointed_at(question: str, answer: AIMessage | None) -> _Topic | None:
    """Give what the answer before cited or listed in the place that a question points at."""
    if answer is None:
        return None
    cited = _cited(answer)
    if number := _NUMBER.search(question[:LONGEST_READ]):
        return _titled(dict(cited).get(int(number[1] or number[2])))
    place = _PLACE.search(question[:LONGEST_READ])
    listed = [title for _, title in cited] or _LISTED.findall(_text(answer))
    at = _PLACES[(place[1] or place[2]).lower()] if place else len(listed)
    return _titled(listed[at]) if at < len(listed) and listed else None


def _said_in(answer: AIMessage | None) -> _Topic | None:
    """Give what an answer was about, where no question before tells."""
    if answer is None:
        return None
    if cited := _cited(answer):
        first = _titled(cited[0][1])
        return _Topic(first.name, first.words) if first else None
    subject = _once(subject_of(_text(answer)[:QUOTED_CHARACTERS]))[:_NAMED_WORDS]
    return _Topic(" ".join(subject), subject) if subject else None


def _cited(answer: AIMessage) -> list[tuple[int, str]]:
    """Give number and title of what an answer cites, as far as its record can be read."""
    record = answer.additional_kwargs.get("citations")
    listed = record if isinstance(record, list | tuple) else []
    entries = [entry for entry in listed if isinstance(entry, dict)]
    pairs = [(entry.get("number"), entry.get("title")) for entry in entries]
    return [(n, title) for n, title in pairs if isinstance(n, int) and isinstance(title, str)]


def _titled(title: str | None) -> _Topic | None:
    words = subject_of(title) if title else ()
    return _Topic(_quoted(title), words, title) if title and words else None


def _name(question: str, subject: Sequence[str]) -> str:
    """Name a question's topic in its own words; one that names none so simply is quoted."""
    # With single blanks, so that no run of them is tried in every way.
    naming = _NAMING.match(" ".join(question[:LONGEST_READ].split()))
    name = naming["name"].split() if naming else []
    if 0 < len(name) <= _NAMED_WORDS and name[-1].lower() not in STOP_WORDS:
        return " ".join(name)
    return subject[0] if len(subject) == 1 else _quoted(question)


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= QUOTED_CHARACTERS else f"{line[: QUOTED_CHARACTERS - 1]}…"


def _text(message: BaseMessage) -> str:
    return str(message.text)[:LONGEST_READ]
