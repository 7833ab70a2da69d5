"""Questions, checked before anything is stored or asked of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

from langchain_core.messages import BaseMessage, HumanMessage

from openta_agents.errors import QuestionError
from openta_agents.language import checked_tag

Preference = Literal["all", "only_papers", "only_general"]
Mode = Literal["basic", "deep"]

MAX_BYTES = 100_000
_SHOWN = 40

Choice = TypeVar("Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, checked, and how it is to be answered.

    Attributes:
        question: Its text.
        tag: The language to answer in, a BCP 47 tag; None: the question's.
        preference: Which sources to answer from.
        timezone: Where the asker is; None: not known.
        mode: How thoroughly to answer.
        history: The turns before, oldest first.
    """

    question: str
    tag: str | None = None
    preference: Preference = "all"
    timezone: ZoneInfo | None = None
    mode: Mode = "basic"
    history: Sequence[BaseMessage] = field(default=(), repr=False)


def read(given: Mapping[str, Any]) -> Asked:
    """Read and check what a runnable was given.

    Args:
        given: `question` (text or a human message), and where given `language`,
            `source_preference`, `timezone`, `mode` and `history`.

    Raises:
        QuestionError: When one of them can't be used; the message names it.
    """
    tag = given.get("language")
    return Asked(
        _text(given.get("question")),
        tag=None if tag is None else checked_tag(str(tag)),
        preference=_choice("source_preference", given.get("source_preference"), Preference, "all"),
        timezone=_zone(given.get("timezone")),
        mode=_choice("mode", given.get("mode"), Mode, "basic"),
        history=given.get("history") or (),
    )


def _text(question: object) -> str:
    text = question.text if isinstance(question, HumanMessage) else question
    if not isinstance(text, str):
        raise QuestionError("question: must be text, or one human message")
    if not text.strip():
        raise QuestionError("question: is empty, ask something")
    if (size := len(text.encode(errors="replace"))) > MAX_BYTES:
        raise QuestionError(f"question: has {size} bytes, at most {MAX_BYTES} are read: shorten it")
    return text


def _choice(name: str, value: object, choices: Any, default: Choice) -> Choice:
    if value is None:
        return default
    known: tuple[Choice, ...] = get_args(choices)
    if value not in known:
        raise QuestionError(f"{name}: {_shown(value)} is unknown: use one of {', '.join(known)}")
    return known[known.index(value)]


def _zone(name: object) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(str(name))
    except (OSError, ValueError, KeyError):
        raise QuestionError(
            f"timezone: {_shown(name)} is unknown: use an IANA name, such as Asia/Jakarta"
        ) from None


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
