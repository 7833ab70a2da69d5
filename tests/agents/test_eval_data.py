"""What the assistant is measured by is sound: real papers, true halves, nothing twice."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

AGENTS = Path(__file__).parents[2] / "agents"
FILES = ("questions.jsonl", "conversations.jsonl")


def rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def words(text: str) -> set[str]:
    """The words of a text that could find something."""
    return {word for word in re.findall(r"[\w-]+", text.lower()) if len(word) > 3}


@pytest.fixture
def papers() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in rows(AGENTS / "openta_agents/data/papers.jsonl")}


@pytest.fixture(params=FILES)
def items(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return rows(AGENTS / "eval" / request.param)


@pytest.mark.parametrize(
    ("name", "least", "indonesian"), [("questions.jsonl", 60, 20), ("conversations.jsonl", 40, 12)]
)
def test_there_are_enough_in_both_languages(name: str, least: int, indonesian: int) -> None:
    languages = Counter(row["language"] for row in rows(AGENTS / "eval" / name))

    assert languages.total() >= least
    assert languages["id"] >= indonesian
    assert set(languages) == {"en", "id"}


def test_each_is_answered_by_papers_of_the_sample(
    items: list[dict[str, Any]], papers: dict[str, dict[str, Any]]
) -> None:
    assert all(row["papers"] and set(row["papers"]) <= papers.keys() for row in items)


def test_ids_and_questions_stand_once(items: list[dict[str, Any]]) -> None:
    asked = [row.get("question") or (row["first"], row["second"]) for row in items]

    assert len({row["id"] for row in items}) == len(items)
    assert len(set(asked)) == len(items)


def test_the_halves_are_equal_in_every_language_and_kind(items: list[dict[str, Any]]) -> None:
    halves = {
        split: Counter((row["language"], row["kind"]) for row in items if row["split"] == split)
        for split in ("tune", "report")
    }

    assert {row["split"] for row in items} == {"tune", "report"}
    assert halves["tune"] == halves["report"]


def test_a_second_question_has_no_word_of_what_its_papers_are_found_by(
    papers: dict[str, dict[str, Any]],
) -> None:
    for row in rows(AGENTS / "eval" / "conversations.jsonl"):
        for paper in (papers[paper] for paper in row["papers"]):
            found_by = words(" ".join([paper["title"], *paper["keywords"]]))
            assert not words(row["second"]) & found_by, row["id"]


def test_few_questions_are_in_the_words_of_a_title(papers: dict[str, dict[str, Any]]) -> None:
    questions = rows(AGENTS / "eval" / "questions.jsonl")

    alike = [
        row["id"]
        for row in questions
        if any(len(words(row["question"]) & words(papers[p]["title"])) > 1 for p in row["papers"])
    ]
    assert len(alike) <= len(questions) / 3
