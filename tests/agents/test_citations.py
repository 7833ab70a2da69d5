"""An answer cites what it was given: the rest is taken out of its text, and told."""

from __future__ import annotations

import pytest

from openta_agents.catalogue import Paper
from openta_agents.citations import Citation, CitationFilter, checked


def paper(number: int) -> Paper:
    return Paper(
        id=f"Paper_{number:03}",
        title=f"Title {number}",
        authors=("Ada", "Alan"),
        year=2000 + number,
        abstract="It says.",
        keywords=(),
        url=f"https://example.org/{number}",
        summary_id=None,
    )


THREE = tuple(paper(number) for number in (1, 2, 3))

CASES = [
    ("a citation that was given stays", "True [1].", "True [1].", [1], ()),
    ("one that was not given goes with its blank", "True [9].", "True.", [], (9,)),
    ("the words around it keep one blank", "True [9] and so.", "True and so.", [], (9,)),
    ("words are not glued", "True [9]and so.", "True and so.", [], (9,)),
    ("a list keeps what was given", "So [2, 9; 3].", "So [2, 3].", [2, 3], (9,)),
    ("neighbours are judged one by one", "So [1][9][2].", "So [1][2].", [1, 2], (9,)),
    ("a list that was given stays as written", "So [3,1].", "So [3,1].", [3, 1], ()),
    ("a range stands for its numbers", "So [1-3].", "So [1-3].", [1, 2, 3], ()),
    ("a range that goes too far is cut", "So [2\u20135].", "So [2, 3].", [2, 3], (4, 5)),
    ("a huge range is not counted out", "So [1-999999999].", "So.", [], ("1-999999999",)),
    ("a number of no size is told", f"So [{'9' * 30}].", "So.", [], ("9" * 30,)),
    ("zero is no paper", "So [0].", "So.", [], (0,)),
    ("an interval is no citation", "Within [0, 1].", "Within [0, 1].", [], ()),
    ("each is listed once, by first mention", "B [2]. A [1]. [2]", "B [2]. A [1]. [2]", [2, 1], ()),
    ("each removed is told once", "A [7]. B [8]. C [7].", "A. B. C.", [], (7, 8)),
    ("brackets in parentheses go with them", "So ([9]) it is.", "So it is.", [], (9,)),
    ("parentheses of a given one stay", "So ([1]).", "So ([1]).", [1], ()),
    ("an id becomes its number", "So [Paper_002].", "So [2].", [2], ()),
    ("an id that was not given goes", "So [Paper_077].", "So.", [], ("Paper_077",)),
    ("a line can begin with one", "A\n[9] B [9]\nC", "A\nB\nC", [], (9,)),
    ("a list's indentation stays", "- A [9]\n  - B [1]", "- A\n  - B [1]", [1], (9,)),
    ("a link is no citation", "See [9](https://a.b/c).", "See [9](https://a.b/c).", [], ()),
    ("a link in brackets is none", "See [[9]](https://a.b).", "See [[9]](https://a.b).", [], ()),
    ("a footnote or a note is none", "So [^9] [sic] [] [x].", "So [^9] [sic] [] [x].", [], ()),
    ("code is none", "Take `x[9]` [9].", "Take `x[9]`.", [], (9,)),
    ("code in two ticks is none", "``a`[9]`` [1]", "``a`[9]`` [1]", [1], ()),
    ("a lone tick opens no code", "It`s [9] so.", "It`s so.", [], (9,)),
    ("a block is none", "```py\nx[9]\n```\nA [9].", "```py\nx[9]\n```\nA.", [], (9,)),
    (
        "a block of tildes is none",
        "~~~\n[9]\n```\n[9]\n~~~\n[1]",
        "~~~\n[9]\n```\n[9]\n~~~\n[1]",
        [1],
        (),
    ),
    ("a block never closed is one to the end", "```\n[9]\n", "```\n[9]\n", [], ()),
    ("ticks within a line open no block", "```x``` [9]\n[9]A", "```x```\nA", [], (9,)),
    ("an unfinished one is prose", "So [1", "So [1", [], ()),
    ("blanks at the end stay", "So [1]  \nB ", "So [1]  \nB ", [1], ()),
]


@pytest.mark.parametrize(
    ("text", "kept", "cited", "removed"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
class TestWholeAndStreamed:
    def test_whole(self, text: str, kept: str, cited: list[int], removed: tuple[object]) -> None:
        result = checked(text, THREE)

        assert result.text == kept
        assert [citation.number for citation in result.citations] == cited
        assert result.removed == removed

    @pytest.mark.parametrize("size", [1, 2, 3, 5])
    def test_in_pieces(
        self, text: str, kept: str, cited: list[int], removed: tuple[object], size: int
    ) -> None:
        stream = CitationFilter(THREE)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]

        shown = "".join([stream.feed(piece) for piece in pieces]) + stream.finish()

        assert shown == kept
        assert [citation.number for citation in stream.citations] == cited
        assert stream.removed == removed


def test_a_citation_says_which_paper_it_is() -> None:
    result = checked("So [2].", THREE)

    assert result.citations == (
        Citation(2, "Paper_002", "Title 2", ("Ada", "Alan"), 2002, "https://example.org/2"),
    )


def test_without_papers_every_citation_goes() -> None:
    result = checked("So [1] and [2, 3].", ())

    assert (result.text, result.citations, result.removed) == ("So and.", (), (1, 2, 3))


def test_no_part_of_a_removed_citation_is_shown_before_it_is_known() -> None:
    stream = CitationFilter(THREE)

    shown = [stream.feed(piece) for piece in ("True", " [", "9", "]", ". More [1", "]. ")]

    assert shown == ["True", "", "", "", ". More", " [1]."]


def test_text_flows_while_no_citation_is_open() -> None:
    stream = CitationFilter(THREE)

    assert stream.feed("Plain words") == "Plain words"
    assert stream.feed(" go on, [as said] before") == " go on, [as said] before"


@pytest.mark.parametrize(
    "hostile",
    ["[" * 100_000, "`" * 100_000, " " * 100_000, "[1," * 30_000, "(" * 100_000, "[9] " * 25_000,
     "".join("`" * n + "a" for n in range(400)), "[" + "a_" * 50_000, "[" + "1 " * 50_000],
)  # fmt: skip
@pytest.mark.timeout(5)
def test_no_text_takes_long(hostile: str) -> None:
    stream = CitationFilter(THREE)
    for at in range(0, len(hostile), 1000):
        stream.feed(hostile[at : at + 1000])
    stream.finish()

    assert len(checked(hostile, THREE).text) <= len(hostile)
