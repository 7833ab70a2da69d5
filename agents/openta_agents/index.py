"""The index of a catalogue: BM25 over title, keywords and summaries, kept on disk."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import bm25s  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
import Stemmer  # type: ignore[import-not-found] # it has no types

from openta_agents.catalogue import Catalogue, Paper
from openta_agents.glossary import GLOSSARY
from openta_agents.language import (
    STOP_WORDS,
    Language,
    alternatives,
    detect,
    pairs,
    phrases,
    tokens,
)

logger = logging.getLogger("openta_agents")

# How often a word of a title or a keyword counts, where one of the summary counts once. Counting
# before saturation is how BM25 takes fields (Robertson, Zaragoza and Taylor, 2004).
TITLE_WEIGHT = 3
KEYWORD_WEIGHT = 2
# The part of a query's information that a paper must hold to be found by it, where a word that
# its title or keywords hold counts more often: a stray word of a summary is no subject.
LEAST_COVERED = 0.3
SUBJECT_WEIGHT = 2
# How much of a long query is read, in characters, and how many of its rarest words count.
QUERY_CHARACTERS = 20_000
QUERY_WORDS = 64
# How many indexes of other catalogues or versions stay in the folder.
KEPT = 3

_VERSION = 1
_SUBJECT = "#"  # marks a token of title or keywords, beside the token itself
_META = "openta.json"
_Places = npt.NDArray[np.int64]
_Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper that a query found.

    Attributes:
        paper_id: Its id.
        score: How well it fits; comparable within one query only.
    """

    paper_id: str
    score: float


class Index:
    """A catalogue made searchable; build it with `Index.build` or `Index.load`."""

    def __init__(self, ranker: Any, catalogue: Catalogue) -> None:
        self._ranker = ranker
        self._ids = tuple(paper.id for paper in catalogue)
        self._fingerprint = _key(catalogue)
        self._translated = np.array(_translated(catalogue), dtype=np.int64)
        frequencies = np.diff(ranker.scores["indptr"]).astype(np.float64)
        rows = len(self._ids) + len(self._translated)
        self._information = np.log1p((rows - frequencies + 0.5) / (frequencies + 0.5))
        self._unknown = float(np.log1p((rows + 0.5) / 0.5))

    @classmethod
    def build(cls, catalogue: Catalogue) -> Self:
        """Index a catalogue in memory."""
        vocabulary = {"": 0}
        rows = [_numbered(row, vocabulary) for row in _rows(catalogue)]
        ranker = bm25s.BM25()
        ranker.index((rows, vocabulary), show_progress=False)
        return cls(ranker, catalogue)

    @classmethod
    def load(cls, folder: Path, catalogue: Catalogue) -> Self:
        """Load the catalogue's index from a folder; build and save it where it is not there.

        One that is damaged or of another version is built anew. A folder that can't be written
        is logged, and the index stays in memory.
        """
        place = Path(folder) / _key(catalogue)[:32]
        try:
            _check(place)
            return cls(bm25s.BM25.load(place, show_progress=False), catalogue)
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            reason = "there is none" if isinstance(error, FileNotFoundError) else "it is damaged"
            logger.info("[INDEX] built for %d papers: in %s %s", len(catalogue), folder, reason)
        index = cls.build(catalogue)
        try:
            index.save(folder)
        except OSError as error:
            logger.warning("[INDEX] not saved to %s: %s", folder, error.strerror)
        return index

    def save(self, folder: Path) -> Path:
        """Save the index under a folder, whole or not at all, and give its place.

        Raises:
            OSError: When the folder can't be written.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        place = Path(folder) / self._fingerprint[:32]
        fresh = Path(tempfile.mkdtemp(prefix=".saving-", dir=folder))
        try:
            self._ranker.save(fresh, show_progress=False)
            (fresh / _META).write_text(json.dumps(_digests(fresh)), encoding="utf-8")
            _put(fresh, place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        _forget_others(Path(folder), place)
        return place

    def search(self, query: str, k: int) -> list[Hit]:
        """Find the k papers that fit a query best, the best first; unrelated ones are left out."""
        asked = self._asked(query)
        found = dict.fromkeys(token for word in asked for token in word)
        known = self._known(found) + self._known(phrases(query[:QUERY_CHARACTERS]))[:QUERY_WORDS]
        if not known or k < 1:
            return []
        scores = self._by_paper(self._ranker.get_scores_from_ids(known))
        scores[self._covered(asked) < LEAST_COVERED] = 0
        return [Hit(self._ids[place], float(scores[place])) for place in _best(scores, k)]

    def _asked(self, query: str) -> list[tuple[str, ...]]:
        """Give a query's words that say most, each as the tokens it may be found by."""
        asked = dict.fromkeys(alternatives(query[:QUERY_CHARACTERS]))
        known = [word for word in asked if self._known(word)]
        known.sort(key=self._weight, reverse=True)
        unknown = [word for word in asked if not self._known(word)]
        return (known + unknown)[:QUERY_WORDS]

    def _known(self, found: Iterable[str]) -> list[int]:
        vocabulary: dict[str, int] = self._ranker.vocab_dict
        return [vocabulary[token] for token in found if token in vocabulary]

    def _weight(self, word: tuple[str, ...]) -> float:
        known = self._known(word)
        return float(self._information[known].max()) if known else self._unknown

    def _covered(self, asked: list[tuple[str, ...]]) -> _Scores:
        """Give the part of the query's information that each paper holds."""
        rows = np.zeros(len(self._ids) + len(self._translated), dtype=np.float32)
        for word in asked:
            rows[self._holding(self._known(word))] += self._weight(word)
            subjects = self._known(_SUBJECT + token for token in word)
            rows[self._holding(subjects)] += SUBJECT_WEIGHT * self._weight(word)
        return self._by_paper(rows) / sum(self._weight(word) for word in asked)

    def _holding(self, known: list[int]) -> _Places:
        """Give the rows that hold one of some tokens, each once."""
        starts, rows = self._ranker.scores["indptr"], self._ranker.scores["indices"]
        lists = [rows[starts[token] : starts[token + 1]] for token in known]
        if len(lists) == 1:
            return np.asarray(lists[0], dtype=np.int64)
        return np.unique(np.concatenate([*lists, np.empty(0, dtype=np.int64)])).astype(np.int64)

    def _by_paper(self, rows: _Scores) -> _Scores:
        """Give each paper the better of its rows, English and Indonesian."""
        papers = rows[: len(self._ids)].copy()
        papers[self._translated] = np.maximum(papers[self._translated], rows[len(self._ids) :])
        return papers


def _best(scores: _Scores, k: int) -> _Places:
    """Give the places of the k highest scores above 0; of equal ones the first."""
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        places = np.flatnonzero((scores >= least) & (scores > 0))
    else:
        places = np.flatnonzero(scores)
    return places[np.argsort(-scores[places], kind="stable")][:k]


def _translated(catalogue: Catalogue) -> list[int]:
    return [place for place, paper in enumerate(catalogue) if paper.summary_id]


def _rows(catalogue: Catalogue) -> Iterator[list[str]]:
    """Give each paper's tokens, then once more those with an Indonesian summary, by that."""
    for paper in catalogue:
        spoken = detect(paper.abstract)
        yield _headed(paper, spoken) + tokens(paper.abstract, spoken)
    for place in _translated(catalogue):
        paper = catalogue.papers[place]
        summary = tokens(paper.summary_id or "", Language.INDONESIAN)
        yield _headed(paper, detect(paper.abstract)) + summary


def _headed(paper: Paper, spoken: Language) -> list[str]:
    title = tokens(paper.title, spoken)
    keywords = [tokens(keyword, spoken) for keyword in paper.keywords]
    named = [token for found in keywords for token in [*found, *pairs(found)]]
    subjects = [_SUBJECT + token for token in dict.fromkeys([*title, *named])]
    return [*title, *pairs(title)] * TITLE_WEIGHT + named * KEYWORD_WEIGHT + subjects


def _numbered(row: list[str], vocabulary: dict[str, int]) -> list[int]:
    # A paper of stop words alone gets the empty token, since no row may be empty.
    return [vocabulary.setdefault(token, len(vocabulary)) for token in row or [""]]


def _key(catalogue: Catalogue) -> str:
    """Give what an index depends on as one digest."""
    made_with = [_VERSION, bm25s.__version__, Stemmer.version(), TITLE_WEIGHT, KEYWORD_WEIGHT]
    words = [sorted(STOP_WORDS), sorted(GLOSSARY.items())]
    said = json.dumps([catalogue.fingerprint, made_with, words])
    return hashlib.sha256(said.encode()).hexdigest()


def _digests(place: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(place.iterdir()):
        if path.name != _META:
            with path.open("rb") as file:
                digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _check(place: Path) -> None:
    if json.loads((place / _META).read_bytes()) != _digests(place):
        raise ValueError("the saved index is not what was written")


def _put(fresh: Path, place: Path) -> None:
    """Move a saved index to its place; a whole one that another process put there stays."""
    try:
        fresh.rename(place)
    except OSError:
        try:
            _check(place)
        except (OSError, ValueError):
            if place.is_dir():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink(missing_ok=True)
            fresh.rename(place)


def _forget_others(folder: Path, place: Path) -> None:
    with suppress(OSError):
        saved = [path.parent for path in folder.glob(f"*/{_META}") if path.parent != place]
        for path in sorted(saved, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(path, ignore_errors=True)
