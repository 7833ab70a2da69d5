"""Inline citations, checked against the papers that were given.

A citation is `[1]`, `[2, 3]`, `[1-3]`, or a paper's id in brackets. What is inside a code span or
a fenced block, a Markdown link such as `[1](https://...)` and an interval such as `[0, 1]`
(citations count from 1) are no citations, and stay as they are. So `x[1]` is code in code only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from openta_agents.catalogue import Paper

# What is held back of a stream at most, in characters: longer brackets are prose.
LONGEST_HELD = 400

_LONGEST_NUMBER = 9
_WIDEST_RANGE = 100
_ITEM = r"(?:[0-9]++|[A-Za-z]++_[0-9]++)"
_LIST = rf"{_ITEM}[ \t]*+(?:[,;\u2013-][ \t]*+{_ITEM}[ \t]*+)*+"
_BRACKETS = rf"\[(?=[^\]]{{1,{LONGEST_HELD}}}\])[ \t]*+{_LIST}\](?!\(|\]\()"
_CODE = rf"(?<!`)(?P<ticks>`++)[^\n]{{1,{LONGEST_HELD}}}?(?<!`)(?P=ticks)(?!`)"
_TOKEN = re.compile(
    rf"(?P<code>{_CODE})"
    rf"|(?P<lead>(?<![ \t])[ \t]*+)(?:\((?P<wrapped>{_BRACKETS})\)|(?P<cited>{_BRACKETS}))"
)
_PART = re.compile(rf"({_ITEM})(?:[ \t]*[\u2013-][ \t]*({_ITEM}))?")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\n]*)")
_MAY_OPEN_FENCE = re.compile(r" {0,3}(?:`{0,2}|~{0,2}|(?:```|~~~).*)")
_MAY_CITE = re.compile(r"\[[\w,; \t\u2013-]*+\]{0,2}\)?")
_CLOSING = ".,;:!?)]}\"'\u2019”…"


@dataclass(frozen=True, slots=True)
class Citation:
    """A paper that an answer cites.

    Attributes:
        number: Its number in the answer: its place among the papers given, from 1.
        id: The paper's id in the catalogue.
        title: Its title.
        authors: Their names, in order.
        year: When it came out.
        url: Where it can be read; None where nothing is known.
    """

    number: int
    id: str
    title: str
    authors: tuple[str, ...]
    year: int
    url: str | None

    @classmethod
    def of(cls, number: int, paper: Paper) -> Citation:
        """Give the citation of a paper under its number."""
        return cls(number, paper.id, paper.title, tuple(paper.authors), paper.year, paper.url)


@dataclass(frozen=True, slots=True)
class Checked:
    """An answer without the citations of papers that were not given.

    Attributes:
        text: The answer.
        citations: The papers it cites, in the order of their first mention, each once.
        removed: What was cited and not given, each once.
    """

    text: str
    citations: tuple[Citation, ...]
    removed: tuple[int | str, ...]


def checked(text: str, papers: Sequence[Paper]) -> Checked:
    """Remove the citations of papers that were not given, and list those that were.

    Args:
        text: The answer, with citations that count the papers from 1.
        papers: The papers given.
    """
    citations = CitationFilter(papers)
    kept = citations.feed(text) + citations.finish()
    return Checked(kept, citations.citations, citations.removed)


class CitationFilter:
    """`checked` for a stream: no part of a removed citation reaches the reader.

    Args:
        papers: The papers given.
    """

    def __init__(self, papers: Sequence[Paper]) -> None:
        self._papers = papers
        self._numbers = {paper.id: number for number, paper in enumerate(papers, 1)}
        self._found: dict[int, Citation] = {}
        self._removed: dict[int | str, None] = {}
        self._held = ""
        self._fence = ""  # what opened the block of code that the stream is in
        self._begun = False  # the held text goes on with a line of which some was given out
        self._blank = True  # nothing but blanks was written in this line
        self._gap: str | None = None  # the blanks before a citation just removed

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The papers cited so far, in the order of their first mention."""
        return tuple(self._found.values())

    @property
    def removed(self) -> tuple[int | str, ...]:
        """What was cited so far and not given."""
        return tuple(self._removed)

    def feed(self, piece: str) -> str:
        """Take a piece of the answer, and give what can be shown of it by now."""
        *lines, self._held = (self._held + piece).split("\n")
        shown = "".join([self._line(f"{line}\n") for line in lines])
        settled = self._settled()
        ready, self._held = self._held[:settled], self._held[settled:]
        self._begun = self._begun or bool(ready)
        return shown + self._inline(ready)

    def finish(self) -> str:
        """Give what was held back, at the end of the answer."""
        held, self._held = self._held, ""
        return self._line(held)

    def _line(self, line: str) -> str:
        """Give the rest of a line that is whole by now."""
        fence = None if self._begun else _FENCE.match(line)
        self._begun = False
        if self._fence:
            self._fence = "" if fence and self._closes(fence) else self._fence
            return line
        if fence and not ("`" in fence[1] and "`" in fence[2]):
            self._fence = fence[1]
            return line
        shown = self._inline(line)
        self._blank, self._gap = True, None
        return shown

    def _closes(self, fence: re.Match[str]) -> bool:
        return fence[1].startswith(self._fence) and not fence[2].strip()

    def _settled(self) -> int:
        """Count the characters held that nothing to come can change."""
        if self._fence or (not self._begun and _MAY_OPEN_FENCE.fullmatch(self._held)):
            return 0
        end = _open_code(self._held)
        opened = self._held.rfind("[", 0, end)
        if opened >= 0 and _MAY_CITE.fullmatch(self._held, opened, end):
            end = opened if end - opened <= LONGEST_HELD + 3 else end
        cut = len(self._held[:end].rstrip("( \t"))
        # What makes a link of the brackets before it must be read together with them.
        return cut + (self._held[:end].startswith("](", cut - 1))

    def _inline(self, text: str) -> str:
        return "".join(self._written(part) for part in self._parts(text))

    def _parts(self, text: str) -> Iterator[str]:
        """Split at citations; those of papers not given are left out."""
        at = 0
        for found in _TOKEN.finditer(text):
            yield text[at : found.start()]
            at = found.end()
            if found["code"]:
                yield found[0]
            else:
                yield self._cited(found)
        yield text[at:]

    def _cited(self, found: re.Match[str]) -> str:
        brackets = found["wrapped"] or found["cited"]
        asked = list(_asked(brackets))
        if 0 in asked and len(asked) > 1:
            return found[0]
        known = [self._numbers.get(str(item), item) for item in asked]
        given = [n for n in known if isinstance(n, int) and 1 <= n <= len(self._papers)]
        self._note(given, [item for item in known if item not in given])
        if not given:
            self._gap = found["lead"] if self._gap is None else self._gap
            return ""
        kept = brackets if given == asked else f"[{', '.join(map(str, dict.fromkeys(given)))}]"
        return found[0].replace(brackets, kept)

    def _note(self, given: Iterable[int], unknown: Iterable[int | str]) -> None:
        for number in given:
            self._found.setdefault(number, Citation.of(number, self._papers[number - 1]))
        self._removed.update(dict.fromkeys(unknown))

    def _written(self, part: str) -> str:
        """Close the gap that a removed citation left before this part."""
        if self._gap is not None and part:
            part = part.lstrip(" \t") if self._blank else part
            if part and not self._blank and not part[0].isspace() and part[0] not in _CLOSING:
                part = self._gap + part
            self._gap = None if part else self._gap
        self._blank = self._blank and not part.strip()
        return part


def _open_code(line: str) -> int:
    """Give where code that may still close begins, or the line's end."""
    at = 0
    for code in re.finditer(_CODE, line):
        if code.end() < len(line):
            at = code.end()
    opened = line.find("`", at)
    return opened if opened >= 0 and len(line) - opened <= LONGEST_HELD + 3 else len(line)


def _asked(brackets: str) -> Iterator[int | str]:
    """Give the numbers and ids that brackets hold, one by one."""
    for first, last in _PART.findall(brackets):
        if not last:
            yield _number(first)
            continue
        low, high = _number(first), _number(last)
        if isinstance(low, int) and isinstance(high, int) and abs(high - low) < _WIDEST_RANGE:
            yield from range(min(low, high), max(low, high) + 1)
        else:
            yield f"{first}-{last}"


def _number(item: str) -> int | str:
    return int(item) if item.isdigit() and len(item) <= _LONGEST_NUMBER else item
