"""The questions and conversations that the assistant is measured by, as they are kept on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Item:
    """Something that was asked, and the papers that answer it.

    Attributes:
        id: Its own id, `q001` or `c001` and so on.
        language: `en` or `id`.
        kind: How it is asked: naming the subject, describing it, pointing back at it, ...
        before: The questions of the turns before, none for a single question.
        question: The question whose papers are looked for.
        papers: The ids of the papers that answer it.
    """

    id: str
    language: str
    kind: str
    before: tuple[str, ...]
    question: str
    papers: frozenset[str]


def single_questions(split: str) -> list[Item]:
    """The single questions of the half `tune` or `report`."""
    return [_item(row, (), row["question"]) for row in _rows("questions.jsonl", split)]


def follow_ups(split: str) -> list[Item]:
    """The second questions of the conversations of the half `tune` or `report`."""
    rows = _rows("conversations.jsonl", split)
    return [_item(row, (row["first"],), row["second"]) for row in rows]


def _rows(name: str, split: str) -> list[dict[str, Any]]:
    lines = (HERE / name).read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["split"] == split]


def _item(row: dict[str, Any], before: tuple[str, ...], question: str) -> Item:
    papers = frozenset(row["papers"])
    return Item(row["id"], row["language"], row["kind"], before, question, papers)
