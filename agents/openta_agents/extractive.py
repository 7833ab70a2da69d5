"""Answers composed of the sentences of papers, each cited: no model, no key, nothing invented."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from openta_agents.catalogue import Paper
from openta_agents.cues import is_small_talk, read
from openta_agents.followups import LONGEST_READ, Standalone
from openta_agents.language import Language, alternatives
from openta_agents.phrases import Phrases, phrases_in
from openta_agents.quotes import (
    Quote,
    Terms,
    definition_match,
    known_stems,
    name_stems,
    overlap,
    plain,
    quotes,
    subject_match,
)

# How many sentences answer a question that asks for no definition, example or list.
MOST_SENTENCES = 3
# How many words of a question are looked for.
MOST_TERMS = 50

_MOST_SEE_ALSO = 2
_MOST_AUTHORS = 3
_LONGEST_NAME = 5  # words; what is longer is put in quotation marks
_DEFINES = 0.5  # from this match on, a sentence defines what was asked
_MOST = 0.5  # a paper that holds this share of the terms is on the topic
_NEARLY_ALL = 0.75  # the papers that hold this share of the terms together are on the topic
_FEW = 2  # a paper that holds fewer of the terms than this must have one as its subject
_NAMES = 0.3  # from this match on, a paper has something that was asked for as its subject
_SAME_SUBJECT = 0.99
_WEAK = 0.5  # a further sentence says at least this share of what the best one does
_NEW = 1.5  # what a sentence that is neither definition nor example gains in a follow-up
_BEHIND = 0.02  # what each place further down among the papers takes from a match


class _Asked(Enum):
    WRITTEN = re.compile(
        r"\b(?:who (?:wrote|invented|proposed|introduced|made|came|discovered|developed|created|is"
        r" the author|are the authors)|authors?\b|penulis(?:nya)?\b|siapa\b"
        r"|(?:when|kapan)\b.*\b(?:publish|written|introduced|proposed|invented|come out|came out"
        r"|dipublikasi|diterbit|ditulis|dibuat|diusul|terbit))"
    )
    EXAMPLE = re.compile(
        r"(?:^|\b(?:an?|another|any|some|one|more|the|for|give|me|concrete|simple|good|real"
        r"|practical|other|please|illustrative|your)[\W_]+)(?:examples?|instances?)\b"
        r"|\billustrat|\bcontoh|\bmisal(?:kan|nya)?\b|\bilustrasi"
    )
    COMPARED = re.compile(
        r"\b(?:compar\w*|differ\w*|versus|vs|better than|banding\w*|perbanding\w*|beda\w*|berbeda"
        r"|perbedaan\w*|which (?:one|of)|yang mana)\b"
    )
    LISTED = re.compile(
        r"\b(?:which|what|list|any|recommend|show|suggest|find|some|more|are there)\b.*"
        r"\b(?:papers?|articles?|studies|publications?|sources?|references|surveys|reading)\b"
        r"|\b(?:makalah|artikel|jurnal|publikasi|sumber|referensi|bacaan)\b"
    )
    DEFINED = re.compile(
        r"\b(?:what(?:['\u2019]s| is| are| does| do| was)|define|definition|explain|describe"
        r"|meaning|(?:tell me|what|how) about|bagaimana dengan|apa|itu apa|jelaskan|pengertian"
        r"|definisi|arti(?:nya)?|maksud(?:nya)?)\b"
    )
    TOLD = re.compile("")


@dataclass(frozen=True)
class _Task:
    question: str
    follows: str | None
    topic: str
    terms: Terms
    papers: Sequence[Paper]
    language: Language
    phrases: Phrases

    @cached_property
    def added(self) -> Terms:
        """What a follow-up asks for beside the topic it is on."""
        topic = alternatives(self.follows or "")
        return [term for term in self.terms if term not in topic]

    @cached_property
    def on_topic(self) -> frozenset[int]:
        """The papers that speak of most of the topic anywhere."""
        found = ((n, known_stems(paper)) for n, paper in enumerate(self.papers, 1))
        return frozenset(n for n, stems in found if overlap(self.terms, stems) >= _MOST)

    @cached_property
    def answerable(self) -> bool:
        """Whether the papers speak of what is asked: a stray word in one is too little."""
        if self.follows or not self.terms:
            return bool(self.papers)
        known = [known_stems(paper) for paper in self.papers]
        most = max((overlap(self.terms, stems) for stems in known), default=0.0)
        together = overlap(self.terms, frozenset().union(*known))
        several = round(most * len(self.terms)) >= _FEW
        named = max(self.matches, default=0.0) >= _NAMES
        return (several or named) and (most >= _MOST or together >= _NEARLY_ALL)

    @cached_property
    def matches(self) -> list[float]:
        """How well each paper is on the topic; those given first are before their equals."""
        found = enumerate(self.papers)
        return [subject_match(self.terms, paper) - _BEHIND * place for place, paper in found]

    @cached_property
    def quoted(self) -> list[list[Quote]]:
        """The sentences of each paper."""
        return [quotes(n, paper, self.language) for n, paper in enumerate(self.papers, 1)]

    def match(self, number: int) -> float:
        return self.matches[number - 1]

    def quotes_of(self, number: int) -> list[Quote]:
        return self.quoted[number - 1]

    def all_quotes(self) -> list[Quote]:
        return [quote for found in self.quoted for quote in found]

    def numbers(self) -> list[int]:
        return list(range(1, len(self.papers) + 1))


class Extractive:
    """The answerer that needs no model."""

    def pieces(
        self, question: str, standalone: Standalone, papers: Sequence[Paper], language: Language
    ) -> Iterator[str]:
        """Give the answer piece by piece: joined, the pieces are the answer.

        Args:
            question: What was asked, in its own words.
            standalone: What it means after the turns before it.
            papers: The papers found, best first; `[n]` in the answer counts them from 1.
            language: What to answer in.
        """
        if is_small_talk(question[:LONGEST_READ]):
            yield phrases_in(language).pleased
            return
        task = _task(question, standalone, papers, language)
        if task.follows:
            yield task.phrases.following.format(topic=_named(task.follows))
        yield from _answer(task) if task.answerable else [task.phrases.nothing]


def _task(
    question: str, standalone: Standalone, papers: Sequence[Paper], language: Language
) -> _Task:
    searched = read(standalone.query[:LONGEST_READ]).searched
    own = read(question[:LONGEST_READ])
    topic = " ".join(own.subject if own.turns and not standalone.only else searched) or plain(
        standalone.query[:LONGEST_READ]
    )
    follows = plain(standalone.follows) if standalone.follows else None
    phrases = phrases_in(language)
    terms = list(dict.fromkeys(alternatives(topic)))[:MOST_TERMS]
    return _Task(question[:LONGEST_READ], follows, topic, terms, papers, language, phrases)


def _answer(task: _Task) -> Iterator[str]:
    said = task.question.lower()
    asked = next(asked for asked in _Asked if asked.value.search(said))
    composed = {
        _Asked.WRITTEN: _written,
        _Asked.EXAMPLE: _example,
        _Asked.COMPARED: _compared,
        _Asked.LISTED: _listed,
        _Asked.DEFINED: _defined,
        _Asked.TOLD: _told,
    }
    return composed[asked](task)


def _defined(task: _Task) -> Iterator[str]:
    best = max(task.numbers(), key=task.match)
    defining = max(task.quotes_of(best), key=lambda quote: definition_match(task.terms, quote))
    if _adds(task) or task.match(best) < _DEFINES:
        yield from _told(task)
        return
    yield _said(defining, task)
    yield from _see_also(best, task)


def _adds(task: _Task) -> bool:
    """Say whether a follow-up asks for something of its topic, rather than what it is."""
    return bool(task.follows) and not re.search(
        r"\b(?:about|dengan|tentang)\b", task.question.lower()
    )


def _see_also(best: int, task: _Task) -> Iterator[str]:
    papers = list(enumerate(task.papers, 1))
    same = [n for n, paper in papers if subject_match(task.terms, paper) >= _SAME_SUBJECT]
    others = [_title(n, task) for n in same if n != best][:_MOST_SEE_ALSO]
    if others:
        yield f" {task.phrases.see_also}{task.phrases.joining.join(others)}."


def _example(task: _Task) -> Iterator[str]:
    examples = [quote for quote in task.all_quotes() if quote.is_example]
    ranked = sorted(examples, key=lambda quote: -_on_topic(quote, task))
    if not ranked:
        yield from _told(task)
        return
    another = re.search(r"\b(?:another|other|else|lain|lagi)\b", task.question.lower())
    chosen = ranked[1] if another and len(ranked) > 1 else ranked[0]
    if chosen.number not in task.on_topic:
        yield task.phrases.closest
    yield _said(chosen, task)


def _on_topic(quote: Quote, task: _Task) -> float:
    return task.match(quote.number) + overlap(task.terms, quote.stems) / 4


def _compared(task: _Task) -> Iterator[str]:
    yield task.phrases.comparing
    yield from _titles(task)


def _listed(task: _Task) -> Iterator[str]:
    yield task.phrases.listing.format(topic=_named(task.follows or task.topic))
    yield from _titles(task)


def _titles(task: _Task) -> Iterator[str]:
    """List each paper by its title and the sentence that is closest to what was asked."""
    for number in _named_papers(task):
        paper, found = task.papers[number - 1], task.quotes_of(number)
        title = f"\n- “{plain(paper.title)}” ({paper.year})"
        if found:
            best = max(found, key=lambda quote: _fits_a_list(quote, task))
            yield f"{title}: {_said(best, task)}"
        else:
            yield f"{title} [{number}]."


def _fits_a_list(quote: Quote, task: _Task) -> float:
    """Weigh a sentence beside a title: what says what the paper is on comes first."""
    return overlap(task.terms, quote.stems) + definition_match(task.terms, quote)


def _named_papers(task: _Task) -> list[int]:
    """Give the papers whose title or keywords name something asked for; without any, all."""
    found = [n for n in task.numbers() if overlap(task.terms, name_stems(task.papers[n - 1]))]
    return found or task.numbers()


def _told(task: _Task) -> Iterator[str]:
    """Give the sentences that say most of what was asked."""
    ranked = sorted(_candidates(task), key=lambda quote: -_score(quote, task))
    if not ranked:
        yield f"{_title(1, task)}."
        return
    if ranked[0].number not in task.on_topic:
        yield task.phrases.closest
    least = _WEAK * _score(ranked[0], task)
    chosen = [quote for quote in ranked[:MOST_SENTENCES] if _score(quote, task) >= least]
    for place, quote in enumerate(chosen):
        yield f"{' ' if place else ''}{_said(quote, task)}"


def _candidates(task: _Task) -> list[Quote]:
    """Give the sentences of papers on the topic; of a paper's subject, where one has it."""
    on_topic = [number for number in task.numbers() if number in task.on_topic] or [1]
    best = max(map(task.match, on_topic))
    near = [number for number in on_topic if best < _DEFINES or task.match(number) >= best * _WEAK]
    return [quote for number in near for quote in task.quotes_of(number)]


def _score(quote: Quote, task: _Task) -> float:
    """Weigh a sentence; one that goes on from the turn before has what was not said there."""
    new = not quote.names and not quote.is_example
    further = overlap(task.added, quote.stems) if task.added else _NEW * new
    said = overlap(task.terms, quote.stems) + task.match(quote.number) / 2
    return said + (further if task.follows else 0.0)


def _written(task: _Task) -> Iterator[str]:
    best = max(task.numbers(), key=task.match)
    paper = task.papers[best - 1]
    if not task.follows and overlap(task.terms, name_stems(paper)) < _MOST:
        yield from _told(task)
        return
    said = task.phrases.written.format(
        title=f"“{plain(paper.title)}”", authors=_authors(paper, task.phrases), year=paper.year
    )
    yield f"{said} [{best}]."


def _authors(paper: Paper, phrases: Phrases) -> str:
    names = [plain(name) for name in paper.authors]
    if len(names) > _MOST_AUTHORS:
        return ", ".join(names[:_MOST_AUTHORS]) + phrases.others
    return phrases.joining.join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


def _title(number: int, task: _Task) -> str:
    return f"“{plain(task.papers[number - 1].title)}” [{number}]"


def _said(quote: Quote, task: _Task) -> str:
    """Give a sentence with its citation before the full stop."""
    if quote.language is task.language:
        text = quote.text
    else:
        text = task.phrases.quoting.format(sentence=quote.text.removesuffix("."))
    if text.endswith((".", "”")):
        return f"{text.removesuffix('.')} [{quote.number}]."
    return f"{text} [{quote.number}]"


def _named(topic: str) -> str:
    return f"“{topic}”" if len(topic.split()) > _LONGEST_NAME or topic.endswith("?") else topic
