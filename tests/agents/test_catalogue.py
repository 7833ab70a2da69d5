"""A catalogue is checked line by line; what can't be used is named by its number."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from openta_agents.catalogue import (
    LOGGED_LINES,
    MAX_LINE_BYTES,
    Catalogue,
    load_catalogue,
    load_sample,
)
from openta_agents.errors import CatalogueError

GOOD: dict[str, Any] = {
    "id": "P1",
    "title": "On Tides",
    "authors": ["A. Author"],
    "year": 1999,
    "abstract": "Tides follow the moon.",
    "keywords": ["tides"],
    "url": "https://example.org/tides",
}


def line(**changed: Any) -> bytes:
    return json.dumps(GOOD | changed).encode()


def written(folder: Path, *lines: bytes) -> Path:
    path = folder / "papers.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_a_paper_is_read_with_all_its_fields(tmp_path: Path) -> None:
    catalogue = load_catalogue(written(tmp_path, line(abstract_id="Pasang surut.")))
    paper = catalogue["P1"]
    assert (paper.title, paper.year, paper.authors) == ("On Tides", 1999, ("A. Author",))
    assert (paper.keywords, paper.url) == (("tides",), "https://example.org/tides")
    assert paper.summary_id == "Pasang surut."
    assert list(catalogue) == [paper]
    assert len(catalogue) == 1
    assert "P1" in catalogue
    assert catalogue.skipped == ()


def test_an_unknown_id_is_a_key_error(tmp_path: Path) -> None:
    catalogue = load_catalogue(written(tmp_path, line()))
    with pytest.raises(KeyError):
        catalogue["P2"]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{not json", "it is no JSON"),
        (b"[1, 2]", "it is no JSON object"),
        (b'"text"', "it is no JSON object"),
        (b"\xff\xfe{\x00", "it is not UTF-8"),
        (b"[" * 100_000, "it is no JSON"),
        (line(title=None), "title"),
        (line(title="  "), "title"),
        (line(title="two\nlines"), "title"),
        (line(id=""), "id"),
        (line(id=7), "id"),
        (line(year="1999"), "year"),
        (line(year=True), "year"),
        (line(year=1999.5), "year"),
        (line(year=0), "year"),
        (line(year=10**400), "year"),
        (line(authors="A. Author"), "authors"),
        (line(authors=["A. Author", 3]), "authors.1"),
        (line(keywords={"a": 1}), "keywords"),
        (line(url="javascript:alert(1)"), "url"),
        (line(abstract=""), "abstract"),
        (line(abstract="x" * MAX_LINE_BYTES), "it is longer than"),
        (b'{"id": "P2"}', "title"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_loads(tmp_path: Path, bad: bytes, reason: str) -> None:
    path = written(tmp_path, bad, b"", line())
    catalogue = load_catalogue(path)
    assert [paper.id for paper in catalogue] == ["P1"]
    ((number, said),) = catalogue.skipped
    assert number == 1
    assert said.startswith(reason)
    with pytest.raises(CatalogueError, match="line 1: "):
        load_catalogue(path, strict=True)


def test_the_first_of_two_with_one_id_stays(tmp_path: Path) -> None:
    catalogue = load_catalogue(written(tmp_path, line(), line(title="Another")))
    assert catalogue["P1"].title == "On Tides"
    assert catalogue.skipped == ((2, "its id is taken by a line before it"),)


def test_lines_after_a_huge_one_keep_their_numbers(tmp_path: Path) -> None:
    huge = line(abstract="x" * (3 * MAX_LINE_BYTES))
    catalogue = load_catalogue(written(tmp_path, line(), huge, b"oops", line(id="P4")))
    assert [number for number, _ in catalogue.skipped] == [2, 3]
    assert "P4" in catalogue


def test_the_log_names_lines_and_no_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad = [line(title=None, abstract="a secret finding")] * (LOGGED_LINES + 5)
    with caplog.at_level(logging.WARNING, "openta_agents"):
        catalogue = load_catalogue(written(tmp_path, line(), *bad))
    assert len(catalogue.skipped) == LOGGED_LINES + 5
    assert len(caplog.messages) == LOGGED_LINES + 1
    assert "line 2 is skipped: title" in caplog.messages[0]
    assert "5 more lines" in caplog.messages[-1]
    assert "secret" not in caplog.text


def test_a_file_of_windows_lines_with_a_mark_at_its_start_is_read(tmp_path: Path) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + line() + b"\r\n\r\n" + line(id="P2") + b"\r\n")
    assert len(load_catalogue(path, strict=True)) == 2


@pytest.mark.parametrize("content", [b"", b"\n\n  \n"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "papers.jsonl"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match="is empty"):
        load_catalogue(path)


def test_a_file_of_bad_lines_alone_is_an_error_that_names_the_first(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="line 1: it is not UTF-8"):
        load_catalogue(written(tmp_path, b"\x1f\x8b\xff\x00", b"\xfe"))


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"nowhere\.jsonl can't be read"):
        load_catalogue(tmp_path / "nowhere.jsonl")
    with pytest.raises(CatalogueError, match="can't be read"):
        load_catalogue(tmp_path)


def test_a_catalogue_made_by_hand_is_checked_too() -> None:
    sample = load_sample()
    with pytest.raises(CatalogueError, match="at least one"):
        Catalogue([])
    with pytest.raises(CatalogueError, match="one id"):
        Catalogue([*sample, sample["Paper_001"]])


def test_a_fingerprint_changes_with_the_content(tmp_path: Path) -> None:
    first = load_catalogue(written(tmp_path, line())).fingerprint
    assert load_catalogue(written(tmp_path, b"", line())).fingerprint == first
    assert load_catalogue(written(tmp_path, line(year=2000))).fingerprint != first


def test_the_sample_is_whole() -> None:
    sample = load_sample()
    assert sample.skipped == ()
    assert [paper.id for paper in sample] == [f"Paper_{n:03}" for n in range(1, len(sample) + 1)]
    assert len(sample) >= 80
    assert sum(paper.summary_id is not None for paper in sample) >= len(sample) / 5
    assert all(paper.keywords and paper.authors for paper in sample)
