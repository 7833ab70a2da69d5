"""Measure how well papers are found, for single questions and for follow-ups.

Prints a table and, for the reported half, writes it to RESULTS.md. Goals that are missed are
reported and the run still succeeds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from figures import Figure, Outcome, as_markdown, as_text
from items import Item, follow_ups, single_questions
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from openta_agents.extractive import Extractive
from openta_agents.followups import standalone
from openta_agents.language import requested
from openta_agents.retrieval import PaperRetriever, build_retriever
from openta_agents.settings import AgentSettings

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
SCALE = HERE / "scale.py"
DEPTH = 10


def main() -> None:
    """Measure one half, print it, and write it down when it is the reported one."""
    options = _options()
    measuring = Measuring(build_retriever(AgentSettings.load()))
    figures = measuring.figures(options.split)
    scale = _at_scale() if SCALE.exists() and not options.no_scale else ""
    print(as_text(figures, scale))
    if options.failures:
        print("\n" + "\n".join(_failures(figures)))
    if options.split == "report" and not options.no_write:
        RESULTS.write_text(as_markdown(figures, scale), encoding="utf-8")


class Measuring:
    """Asks the retriever what the assistant would ask it."""

    def __init__(self, retriever: PaperRetriever) -> None:
        self._answering = retriever
        self._deep = retriever.model_copy(update={"k": DEPTH})
        self._extractive = Extractive()

    def figures(self, split: str) -> list[Figure]:
        """Measure the half `tune` or `report`."""
        singles, seconds = single_questions(split), follow_ups(split)
        self._check([*singles, *seconds])
        return [
            Figure("single question", [self._alone(item) for item in singles], 0.90),
            Figure("follow-up with memory", [self._remembering(item) for item in seconds], 0.85),
            Figure("follow-up without memory", [self._alone(item) for item in seconds]),
            Figure("change of subject", [self._remembering(item) for item in _after(singles)]),
        ]

    def _alone(self, item: Item) -> Outcome:
        return self._found(item, standalone(item.question, []).query)

    def _remembering(self, item: Item) -> Outcome:
        return self._found(item, standalone(item.question, self._history(item.before)).query)

    def _found(self, item: Item, query: str) -> Outcome:
        documents = self._deep.invoke(query)
        return Outcome(item, query, tuple(document.metadata["id"] for document in documents))

    def _history(self, questions: Iterable[str]) -> list[BaseMessage]:
        history: list[BaseMessage] = []
        for question in questions:
            history += [HumanMessage(question), self._answer(question, history)]
        return history

    def _answer(self, question: str, history: Sequence[BaseMessage]) -> AIMessage:
        asked = standalone(question, history)
        found = [document.metadata["id"] for document in self._answering.invoke(asked.query)]
        papers = [self._answering.catalogue[paper] for paper in found]
        language = requested(None, question)
        text = "".join(self._extractive.pieces(question, asked, papers, language))
        return AIMessage(text, additional_kwargs={"sources": found, "search_query": asked.query})

    def _check(self, items: Iterable[Item]) -> None:
        known = {paper.id for paper in self._answering.catalogue}
        if strange := {paper for item in items for paper in item.papers} - known:
            sys.exit(
                f"The catalogue has no {min(strange)}: the questions are about the sample, "
                "so leave OPENTA_CATALOGUE unset to measure."
            )


def _after(items: Sequence[Item]) -> Iterator[Item]:
    """Each item as asked after the one that stands before it in its list."""
    for earlier, item in zip(items[-1:] + list(items[:-1]), items, strict=True):
        before = (earlier.question,)
        yield Item(item.id, item.language, item.kind, before, item.question, item.papers)


def _failures(figures: Iterable[Figure]) -> Iterator[str]:
    for figure in figures:
        for outcome in figure.outcomes:
            if outcome.recall < 1 and figure.what != "follow-up without memory":
                item = outcome.item
                said = " / ".join([*item.before, item.question])
                yield f"{figure.what} {item.id}: {said}"
                yield f"    searched {outcome.query!r}"
                yield f"    wanted {sorted(item.papers)}, found {list(outcome.found[:5])}"


def _at_scale() -> str:
    # In a process of its own, so that the memory it reports is that of the index alone.
    done = subprocess.run(
        [sys.executable, str(SCALE)], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure how well papers are found.")
    parser.add_argument("--split", choices=("report", "tune"), default="report")
    parser.add_argument("--failures", action="store_true", help="list what the tune half missed")
    parser.add_argument("--no-scale", action="store_true", help="leave out scale.py")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is")
    options = parser.parse_args()
    if options.failures and options.split == "report":
        parser.error("--failures is for --split tune: the reported half is not looked into")
    return options


if __name__ == "__main__":
    main()
