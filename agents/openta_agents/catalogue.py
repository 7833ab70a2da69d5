"""The catalogue of papers: JSON Lines, checked line by line."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, BinaryIO

import orjson
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from openta_agents.errors import CatalogueError

logger = logging.getLogger("openta_agents")

# The longest line that is read, in bytes: a longer one is no paper.
MAX_LINE_BYTES = 1_000_000
# How many bad lines are named in the log; all are in `Catalogue.skipped`.
LOGGED_LINES = 20

_ONE_LINE = r"^[^\x00-\x1f\x7f]+$"
_Line = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=_ONE_LINE, strict=True)
]
_Id = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200, pattern=_ONE_LINE, strict=True)
]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, strict=True)]
_Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$", strict=True)]


@dataclass(frozen=True, slots=True)
class Paper:
    """One work of the catalogue.

    Attributes:
        id: How it is cited and found, such as `Paper_001`.
        title: Its title.
        authors: Their names, in order.
        year: When it came out.
        abstract: What it says, in a few sentences.
        keywords: What it is about.
        url: Where it can be read; None where nothing is known.
        summary_id: What it says, in Indonesian: `abstract_id` in the file.
    """

    id: _Id
    title: _Line
    authors: tuple[_Line, ...]
    year: Annotated[int, Field(ge=1, le=9999, strict=True)]
    abstract: _Text
    keywords: tuple[_Line, ...] = ()
    url: _Url | None = None
    summary_id: Annotated[_Text | None, Field(alias="abstract_id")] = None


_PAPER = TypeAdapter(Paper)


class Catalogue:
    """Papers in their order, each found by its id.

    Args:
        papers: At least one, each with an id of its own.
        skipped: Lines that were not taken: number (from 1) and reason.

    Raises:
        CatalogueError: When there is no paper, or two have one id.
    """

    def __init__(self, papers: Iterable[Paper], skipped: Iterable[tuple[int, str]] = ()) -> None:
        self.papers = tuple(papers)
        self.skipped = tuple(skipped)
        self._by_id = {paper.id: paper for paper in self.papers}
        if not self.papers:
            raise CatalogueError("a catalogue needs at least one paper")
        if len(self._by_id) < len(self.papers):
            raise CatalogueError("two papers of a catalogue have one id: give each its own")

    def __len__(self) -> int:
        return len(self.papers)

    def __iter__(self) -> Iterator[Paper]:
        return iter(self.papers)

    def __contains__(self, paper_id: object) -> bool:
        return paper_id in self._by_id

    def __getitem__(self, paper_id: str) -> Paper:
        return self._by_id[paper_id]

    def __repr__(self) -> str:
        return f"Catalogue({len(self)} papers, {len(self.skipped)} lines skipped)"

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all that the papers say, in their order."""
        digest = hashlib.sha256()
        for paper in self.papers:
            digest.update(orjson.dumps(paper, option=orjson.OPT_APPEND_NEWLINE))
        return digest.hexdigest()


def load_catalogue(path: Path, *, strict: bool = False) -> Catalogue:
    """Load papers from JSON Lines; a line that is no paper is logged by its number and skipped.

    Args:
        path: The file: one paper a line, UTF-8.
        strict: Refuse the file for one bad line.

    Raises:
        CatalogueError: When the file can't be read or holds no paper; with `strict`, when a line
            is bad: it is named by its number.
    """
    try:
        with Path(path).open("rb") as file:
            return _read(file, str(path), strict=strict)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CatalogueError(f"the catalogue {path} can't be read: {reason}") from None


def load_sample() -> Catalogue:
    """Load the papers that come with the package."""
    sample = (files("openta_agents") / "data" / "papers.jsonl").read_bytes()
    return _read(io.BytesIO(sample), "papers.jsonl", strict=True)


def _read(file: BinaryIO, name: str, *, strict: bool) -> Catalogue:
    papers: dict[str, Paper] = {}
    skipped: list[tuple[int, str]] = []
    for number, line in _lines(file):
        try:
            paper = _paper(line)
            if paper.id in papers:
                raise ValueError("its id is taken by a line before it")  # noqa: TRY301
        except ValueError as error:
            skipped.append(_bad(name, number, str(error), strict=strict))
        else:
            papers[paper.id] = paper
    _tell(name, skipped)
    if not papers:
        raise CatalogueError(_no_paper(name, skipped))
    return Catalogue(papers.values(), skipped)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give each line that holds something with its number, and of a huge one only the start."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # some editors mark UTF-8 so
        if line.strip():
            yield number, line


def _paper(line: bytes) -> Paper:
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"it is longer than {MAX_LINE_BYTES} bytes")
    try:
        line.decode()
        return _PAPER.validate_json(line)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except ValidationError as error:
        raise ValueError(_reason(error)) from None


def _reason(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if problem["type"] == "json_invalid":
        return "it is no JSON"
    if not problem["loc"]:
        return "it is no JSON object"
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"


def _bad(name: str, number: int, reason: str, *, strict: bool) -> tuple[int, str]:
    if strict:
        raise CatalogueError(f"{name}, line {number}: {reason}")
    return number, reason


def _tell(name: str, skipped: list[tuple[int, str]]) -> None:
    for number, reason in skipped[:LOGGED_LINES]:
        logger.warning("[CATALOGUE] %s, line %d is skipped: %s", name, number, reason)
    if len(skipped) > LOGGED_LINES:
        more = len(skipped) - LOGGED_LINES
        logger.warning("[CATALOGUE] %s: %d more lines are skipped", name, more)


def _no_paper(name: str, skipped: list[tuple[int, str]]) -> str:
    if not skipped:
        return f"the catalogue {name} is empty: it needs at least one paper, a JSON object a line"
    number, reason = skipped[0]
    return f"the catalogue {name} holds no paper that can be used; line {number}: {reason}"
