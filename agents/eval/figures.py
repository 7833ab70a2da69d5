"""What was found, summed up: as a table on the terminal and as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import mean

from items import Item

PACKAGES = ("openta-agents", "bm25s", "PyStemmer", "langchain-core")
HEAD = ("what", "language", "items", "recall@3", "goal", "verdict", "MRR@10")
LANGUAGES = {"all": ("en", "id"), "English": ("en",), "Indonesian": ("id",)}


@dataclass(frozen=True)
class Outcome:
    """What the search found for one item, best first."""

    item: Item
    query: str
    found: tuple[str, ...]

    @property
    def recall(self) -> float:
        """The share of the item's papers among the first three, of as many as three can hold."""
        hits = len(self.item.papers.intersection(self.found[:3]))
        return hits / min(3, len(self.item.papers))

    @property
    def reciprocal_rank(self) -> float:
        """One over the place of the first paper that answers, 0 when there is none."""
        places = (place for place, paper in enumerate(self.found, 1) if paper in self.item.papers)
        return next((1 / place for place in places), 0.0)


@dataclass(frozen=True)
class Figure:
    """The outcomes of one kind of measurement, with the goal that its recall has, if any."""

    what: str
    outcomes: Sequence[Outcome]
    goal: float | None = None

    @property
    def met(self) -> bool:
        """Whether the recall reaches the goal, at the precision that is printed."""
        return self.goal is None or round(_mean_recall(self.outcomes), 2) >= self.goal

    @property
    def rows(self) -> Iterator[tuple[str, ...]]:
        """A row of the table for all items, then one for each language."""
        for language, members in LANGUAGES.items():
            chosen = [outcome for outcome in self.outcomes if outcome.item.language in members]
            recall = f"{_mean_recall(chosen):.2f}"
            rank = f"{mean(outcome.reciprocal_rank for outcome in chosen):.2f}"
            yield (self.what, language, str(len(chosen)), recall, *self._goal(language), rank)

    @property
    def note(self) -> str:
        """The recall of each kind of item."""
        kinds = dict.fromkeys(outcome.item.kind for outcome in self.outcomes)
        return f"{self.what}, recall@3 by kind: " + ", ".join(map(self._kind, kinds))

    def _goal(self, language: str) -> tuple[str, str]:
        if self.goal is None or language != "all":
            return "", ""
        missing = self.goal - _mean_recall(self.outcomes)
        return f"at least {self.goal:.2f}", "met" if self.met else f"missed by {missing:.2f}"

    def _kind(self, kind: str) -> str:
        chosen = [outcome for outcome in self.outcomes if outcome.item.kind == kind]
        return f"{kind} {_mean_recall(chosen):.2f} of {len(chosen)}"


def as_text(figures: Sequence[Figure], scale: str) -> str:
    """Lay it out for a terminal."""
    rows = [HEAD, *(row for figure in figures for row in figure.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    notes = [figure.note for figure in figures]
    return "\n".join([*lines, "", *notes, *(["", scale] if scale else []), "", _summary(figures)])


def as_markdown(figures: Sequence[Figure], scale: str) -> str:
    """Lay it out for RESULTS.md."""
    return "\n".join(_markdown(figures, scale)) + "\n"


def _markdown(figures: Sequence[Figure], scale: str) -> Iterator[str]:
    yield from ("# Evaluation results", "", _summary(figures), "")
    yield "`make eval` writes this page, from the half of the questions that nothing was tuned on."
    yield "Recall@3 is the share of the papers that answer a question that are among the first"
    yield "three found (three of them, where more answer); MRR@10 is the mean of one over the place"
    yield "of the first of them. A follow-up is the second question of a conversation, searched for"
    yield "with the first question and its answer in the memory, or alone. A change of subject is a"
    yield "single question with another one and its answer in the memory, which must not mislead."
    yield ""
    yield _line(HEAD)
    yield _line(["---"] * len(HEAD))
    yield from (_line(row) for figure in figures for row in figure.rows)
    yield from ("", "## For information", "")
    yield from (f"- {figure.note}" for figure in figures)
    if scale:
        yield from ("", "## At scale", "", "```text", scale, "```")
    yield from ("", "## Taken with", "")
    yield from (f"- {line}" for line in _surroundings())


def _summary(figures: Sequence[Figure]) -> str:
    goals = [figure for figure in figures if figure.goal is not None]
    return f"{sum(figure.met for figure in goals)} of {len(goals)} goals of finding met."


def _surroundings() -> Iterator[str]:
    yield datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield f"Python {platform.python_version()} on {os.cpu_count()} cores"
    yield from (f"{name} {version(name)}" for name in PACKAGES)


def _mean_recall(outcomes: Sequence[Outcome]) -> float:
    return mean(outcome.recall for outcome in outcomes)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
