"""Measure the index at 100,000 papers, made up from the sample's words."""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from openta_agents.catalogue import Catalogue, Paper, load_sample
from openta_agents.index import Index

QUERIES = 200
MAX_SECONDS = 60
MAX_MILLISECONDS = 20


def made_up(number: int, seed: int = 1) -> Iterator[Paper]:
    """Make up papers whose lengths and word frequencies are those of the sample."""
    chance = random.Random(seed)
    sample = load_sample().papers
    words = [word for paper in sample for word in paper.abstract.split()]
    keywords = [keyword for paper in sample for keyword in paper.keywords]
    translated = [word for paper in sample for word in (paper.summary_id or "").split()]
    for place in range(number):
        like = chance.choice(sample)
        yield Paper(
            id=f"Made_{place:06}",
            title=" ".join(chance.choices(words, k=len(like.title.split()))),
            authors=like.authors,
            year=chance.randint(1950, 2025),
            abstract=" ".join(chance.choices(words, k=len(like.abstract.split()))),
            keywords=tuple(chance.choices(keywords, k=len(like.keywords))),
            summary_id=" ".join(chance.choices(translated, k=len((like.summary_id or "").split())))
            or None,
        )


def queries(catalogue: Catalogue, seed: int = 2) -> list[str]:
    """Ask for what some papers are called, in a question's words."""
    chance = random.Random(seed)
    return [f"What is {paper.title}?" for paper in chance.choices(catalogue.papers, k=QUERIES)]


def main() -> None:
    """Build, save, load and search, and print what each took."""
    parser = argparse.ArgumentParser(description="Measure the index at scale.")
    parser.add_argument("--papers", type=int, default=100_000)
    catalogue = Catalogue(made_up(parser.parse_args().papers))
    before = _megabytes()
    built, index = _timed_build(catalogue)
    peak = _megabytes()
    with tempfile.TemporaryDirectory() as folder:
        place = index.save(Path(folder))
        disk = sum(path.stat().st_size for path in place.iterdir()) / 1e6
        started = time.perf_counter()
        index = Index.load(Path(folder), catalogue)
        loaded = time.perf_counter() - started
    times = sorted(_timed_search(index, query) for query in queries(catalogue))
    print(f"papers: {len(catalogue):,}")
    print(f"index built: {built:.1f} s (goal: under {MAX_SECONDS})")
    print(f"index loaded: {loaded:.1f} s, {disk:.0f} MB on disk")
    late = times[int(len(times) * 0.99)]
    print(f"query: median {median(times):.1f} ms, p99 {late:.1f} ms (goal: {MAX_MILLISECONDS})")
    print(f"memory: {before:.0f} MB with the papers, {peak:.0f} MB at the peak of building")


def _timed_build(catalogue: Catalogue) -> tuple[float, Index]:
    started = time.perf_counter()
    index = Index.build(catalogue)
    return time.perf_counter() - started, index


def _timed_search(index: Index, query: str) -> float:
    started = time.perf_counter()
    index.search(query, 4)
    return (time.perf_counter() - started) * 1000


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
