"""The index finds papers fast, and is kept on disk rather than built at each start."""

from __future__ import annotations

import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import openta_agents
from openta_agents.catalogue import Catalogue, Paper, load_sample
from openta_agents.index import KEPT, Index

sys.path.insert(0, str(Path(openta_agents.__file__).parents[1] / "eval"))

from scale import made_up, queries

SAMPLE = load_sample()


def paper(place: int, title: str = "On Tides", abstract: str = "The moon pulls.") -> Paper:
    return Paper(f"P{place}", title, (), 2000, abstract)


def found(index: Index, query: str, k: int = 4) -> list[str]:
    return [hit.paper_id for hit in index.search(query, k)]


def test_a_title_weighs_more_than_an_abstract() -> None:
    index = Index.build(
        Catalogue(
            [
                paper(1, "On the Sea", "Currents and tides and wind, and what they carry ashore."),
                paper(2, "On Tides", "Currents and waves and wind, and what they carry ashore."),
                paper(3, "On Hills", "Sheep."),
            ]
        )
    )
    assert found(index, "tides") == ["P2", "P1"]


def test_equal_papers_come_in_the_catalogues_order() -> None:
    index = Index.build(Catalogue([*(paper(n) for n in range(9)), paper(9, "Sheep", "Grass.")]))
    assert found(index, "tides", 5) == ["P0", "P1", "P2", "P3", "P4"]


@pytest.mark.parametrize("query", ["", "?", "the of and", "apa itu", "\x00", "🦖", "zxqv"])
def test_a_query_without_a_known_word_finds_nothing(query: str) -> None:
    assert Index.build(SAMPLE).search(query, 4) == []


def test_asking_for_more_than_there_is_gives_what_there_is() -> None:
    index = Index.build(Catalogue([paper(1)]))
    assert found(index, "tides", 1000) == ["P1"]
    assert found(index, "tides", 0) == []


def test_papers_of_stop_words_alone_can_be_indexed() -> None:
    assert found(Index.build(Catalogue([paper(1, "It", "Is it?")])), "tides") == []


def test_a_huge_query_is_answered_soon() -> None:
    index = Index.build(SAMPLE)
    huge = "machine learning " + " ".join(f"word{n} network" for n in range(8_000))
    started = time.perf_counter()
    index.search(huge, 4)
    assert time.perf_counter() - started < 1


def test_many_threads_find_the_same() -> None:
    index = Index.build(SAMPLE)
    expected = found(index, "attention in translation")
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda _: found(index, "attention in translation"), range(100)))
    assert given == [expected] * 100


def test_a_saved_index_finds_the_same_and_is_not_built_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = Index.load(tmp_path, SAMPLE).search("What is deep learning?", 10)
    monkeypatch.setattr(Index, "build", lambda _: pytest.fail("built again"))
    assert Index.load(tmp_path, SAMPLE).search("What is deep learning?", 10) == built


def test_an_index_of_another_catalogue_is_not_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Index.load(tmp_path, Catalogue([paper(1)]))
    with caplog.at_level(logging.INFO, "openta_agents"):
        index = Index.load(tmp_path, Catalogue([paper(2)]))
    assert found(index, "tides") == ["P2"]
    assert len([line for line in caplog.messages if "[INDEX]" in line]) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "meta", "empty meta", "a file"])
def test_a_damaged_index_is_built_anew_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    place = Index.build(SAMPLE).save(tmp_path)
    _damage(place, damage)
    with caplog.at_level(logging.INFO, "openta_agents"):
        assert "Paper_001" in found(Index.load(tmp_path, SAMPLE), "machine learning checkers")
    assert len([line for line in caplog.messages if "[INDEX]" in line]) == 1
    caplog.clear()
    Index.load(tmp_path, SAMPLE)
    assert "built" not in caplog.text


def _damage(place: Path, damage: str) -> None:
    largest = max(place.iterdir(), key=lambda path: path.stat().st_size)
    content = largest.read_bytes()
    meta = place / "openta.json"
    match damage:
        case "cut":
            largest.write_bytes(content[: len(content) // 2])
        case "changed":
            largest.write_bytes(content[:-4] + b"\xff\xff\xff\x7f")
        case "gone":
            largest.unlink()
        case "meta":
            meta.write_bytes(b"\xff{")
        case "empty meta":
            meta.write_text("{}")
        case _:
            for path in place.iterdir():
                path.unlink()
            place.rmdir()
            place.write_text("no folder")


def test_saving_at_the_same_time_leaves_one_whole_index(tmp_path: Path) -> None:
    index = Index.build(SAMPLE)
    with ThreadPoolExecutor(8) as pool:
        places = set(pool.map(lambda _: index.save(tmp_path), range(24)))
    assert places == set(tmp_path.iterdir())


def test_a_folder_that_cant_be_written_leaves_the_index_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "taken").write_text("a file")
    index = Index.load(tmp_path / "taken", SAMPLE)
    assert found(index, "What is machine learning?")
    assert "not saved" in caplog.text


def test_old_indexes_do_not_fill_the_disk(tmp_path: Path) -> None:
    for number in range(KEPT + 4):
        last = Index.build(Catalogue([paper(number)])).save(tmp_path)
    assert last.exists()
    assert len(list(tmp_path.iterdir())) == KEPT + 1


def test_five_thousand_papers_are_indexed_and_searched_in_time() -> None:
    catalogue = Catalogue(made_up(5_000))
    started = time.perf_counter()
    index = Index.build(catalogue)
    assert time.perf_counter() - started < 30
    started = time.perf_counter()
    assert sum(bool(index.search(query, 4)) for query in queries(catalogue)) > 150
    assert (time.perf_counter() - started) / len(queries(catalogue)) < 0.1
