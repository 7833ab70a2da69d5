"""What was measured, against its budget: as a table on the terminal and as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from benchmarks.server import RedisServer

PACKAGES = (
    "openta-memory",
    "redis",
    "hiredis",
    "orjson",
    "sqlalchemy",
    "aiosqlite",
    "psycopg",
    "langchain-core",
    "langchain-community",
    "openai-agents",
)
HEAD = ("what", "measured", "result", "noise checks", "budget", "verdict", "samples")


@dataclass(frozen=True)
class Figure:
    """A figure that has a budget.

    Attributes:
        what: What the budget is for.
        measured: The figures that the result comes from, with units.
        value: The result.
        budget: What it may be at the most, or with `at_least` at the least.
        samples: How many samples of each side it comes from.
        check: The result taken in other ways, where it is timed.
        unit: Stands behind the result and the budget: `x` for ratios.
        at_least: Whether more is better.
    """

    what: str
    measured: str
    value: float
    budget: float
    samples: int
    check: str = ""
    unit: str = "x"
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the budget is kept, at the precision that is printed."""
        value = round(self.value, self._digits)
        return value >= self.budget if self.at_least else value <= self.budget

    @property
    def cells(self) -> tuple[str, ...]:
        """The figure as a row of the table."""
        verdict = "met" if self.met else f"missed by {abs(self.value / self.budget - 1):.0%}"
        budget = f"{'at least ' if self.at_least else ''}{self.budget:g}{self.unit}"
        spelled = self._spelled(self.value)
        return (self.what, self.measured, spelled, self.check, budget, verdict, f"{self.samples}")

    @property
    def _digits(self) -> int:
        if self.at_least:
            return 0
        return (3 if self.budget < 1 else 2) if self.unit else 1

    def _spelled(self, value: float) -> str:
        return f"{value:.{self._digits}f}{self.unit}" if self.unit else f"{value:g}"


@dataclass(frozen=True)
class Unmeasured:
    """A budget that could not be looked at, and why."""

    what: str
    reason: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table that stands where the figure would."""
        return (self.what, "", "", "", "", f"not measured: {self.reason}", "0")


@dataclass(frozen=True)
class Note:
    """A figure for information: it has no budget."""

    what: str
    text: str


Entry = Figure | Unmeasured | Note


class Report:
    """Collects a run's figures and says in what surroundings they were taken."""

    def __init__(self) -> None:
        self.rows: list[Figure | Unmeasured] = []
        self.notes: list[Note] = []
        self.surroundings: list[str] = []

    def describe(self, server: RedisServer) -> None:
        """Record the date, the versions and the server."""
        self.surroundings = [
            datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            f"Python {platform.python_version()} on {os.cpu_count()} cores",
            f"Redis server {server.info('server')['redis_version']}, over TCP on loopback",
            *(f"{name} {_version(name)}" for name in PACKAGES),
        ]

    def add(self, measured: Iterable[Entry]) -> None:
        """Take a theme's figures and notes."""
        for entry in measured:
            if isinstance(entry, Note):
                self.notes.append(entry)
            else:
                self.rows.append(entry)

    def as_text(self) -> str:
        """Lay it out for a terminal."""
        rows = [HEAD, *(row.cells for row in self.rows)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        ]
        notes = [f"{note.what}: {note.text}" for note in self.notes]
        return "\n".join([*lines, "", *notes, "", ", ".join(self.surroundings), self._summary()])

    def as_markdown(self) -> str:
        """Lay it out for RESULTS.md."""
        return "\n".join(self._markdown()) + "\n"

    def _markdown(self) -> Iterator[str]:
        yield from ("# Benchmark results", "", self._summary(), "")
        yield "`make bench` writes this page; every figure on it is from one run on one machine."
        yield "What is compared is timed in turn, sample by sample, with the same client settings."
        yield "Results are ratios of medians. The noise checks are the ratio of the 10th"
        yield "percentiles, then the median of the ratios round by round: where they differ, the"
        yield "machine was busy. Rates are medians of rounds, and their noise check is the slowest"
        yield "and the fastest round."
        yield ""
        yield _line(HEAD)
        yield _line(["---"] * len(HEAD))
        yield from (_line(row.cells) for row in self.rows)
        yield from ("", "## For information", "")
        yield from (f"- {note.what}: {note.text}" for note in self.notes)
        yield from ("", "## Taken with", "")
        yield from (f"- {line}" for line in self.surroundings)

    def _summary(self) -> str:
        figures = [row for row in self.rows if isinstance(row, Figure)]
        met = sum(figure.met for figure in figures)
        unmeasured = len(self.rows) - len(figures)
        others = f" {unmeasured} could not be measured." if unmeasured else ""
        return f"{met} of {len(figures)} budgets met.{others}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
