"""The sentences of papers, and how well each speaks of what is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from openta_agents.catalogue import Paper
from openta_agents.citations import checked
from openta_agents.language import Language, alternatives, sentences, tokens

Terms = Sequence[tuple[str, ...]]

# What is read of an abstract at most, in characters.
LONGEST_READ = 8000
# What a keyword or a title tells of a paper's subject beside its definition, which is 1.
_NAMED_BESIDE = 0.9

_HEAD = re.compile(
    r"(?:(?:an?|the|the term)\s+)?(?P<head>[^.;:]{1,100}?),?\s+"
    r"(?:is|are|means|refers to|describes|adalah|ialah|merupakan)\b",
    re.IGNORECASE,
)
_OTHER_NAME = re.compile(r",?\s+(?:or|atau)\s+|[(),]")
# Where a sentence goes on to define another thing: "..., and backpropagation is ...".
_CLAUSE = re.compile(r",? (?:and|sedangkan) (?=[\w-]+(?: [\w-]+){0,3} (?:is|are|adalah)\b)")
_EXAMPLE = re.compile(
    r"\W*(?:for example|for instance|as an example|one example|misalnya|contohnya|sebagai contoh)"
    r"\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Quote:
    """One sentence of a paper.

    Attributes:
        number: The paper's number in the answer.
        text: The sentence, without brackets that could be taken for citations.
        language: What it is in.
        stems: Its content words, stemmed.
    """

    number: int
    text: str
    language: Language
    stems: frozenset[str]

    @property
    def names(self) -> list[str]:
        """What it defines, by each of its names; nothing where it defines nothing."""
        clauses = [] if self.is_example else _CLAUSE.split(self.text)
        heads = [head["head"] for clause in clauses if (head := _HEAD.match(clause))]
        return [name for head in heads for name in _OTHER_NAME.split(head)]

    @property
    def is_example(self) -> bool:
        """It begins as an example does."""
        return _EXAMPLE.match(self.text) is not None


def quotes(number: int, paper: Paper, language: Language) -> list[Quote]:
    """Give a paper's sentences, in the language where the paper has it, else in English."""
    indonesian = language is Language.INDONESIAN and bool(paper.summary_id)
    text = (paper.summary_id if indonesian else None) or paper.abstract
    spoken = Language.INDONESIAN if indonesian else Language.ENGLISH
    found = [plain(sentence) for sentence in sentences(text[:LONGEST_READ])]
    return [Quote(number, said, spoken, frozenset(tokens(said, spoken))) for said in found if said]


def plain(text: str) -> str:
    """Give a text in one line, without brackets that could be taken for citations."""
    return checked(" ".join(text.split()), ()).text


def overlap(terms: Terms, stems: frozenset[str]) -> float:
    """Give the share of the terms that are among some stems, 0 to 1."""
    return _hits(terms, stems) / len(terms) if terms else 0.0


def name_stems(paper: Paper) -> frozenset[str]:
    """Give the stems of a paper's title and keywords."""
    named = alternatives(" ".join([paper.title, *paper.keywords]))
    return frozenset(stem for term in named for stem in term)


def known_stems(paper: Paper) -> frozenset[str]:
    """Give the stems of all that is known of a paper."""
    said = [quote.stems for language in Language for quote in quotes(0, paper, language)]
    return name_stems(paper).union(*said)


def subject_match(terms: Terms, paper: Paper) -> float:
    """Say how well the terms name a paper's subject, 0 to 1."""
    defined = [definition_match(terms, quote) for quote in _opening(paper)]
    beside = [*paper.keywords, paper.title]
    named = [_NAMED_BESIDE * _same(terms, name, Language.ENGLISH) for name in beside]
    return max([*defined, *named], default=0.0)


def definition_match(terms: Terms, quote: Quote) -> float:
    """Say how well a sentence defines what the terms name, 0 to 1."""
    return max((_same(terms, name, quote.language) for name in quote.names), default=0.0)


def _opening(paper: Paper) -> list[Quote]:
    return [quote for language in Language for quote in quotes(0, paper, language)[:2]]


def _same(terms: Terms, name: str, language: Language) -> float:
    """Give how much terms and name share of all that either holds, 0 to 1."""
    stems = frozenset(tokens(name, language))
    if not terms or not stems:
        return 0.0
    shared = sum(any(stem in term for term in terms) for stem in stems)
    return min(1.0, _hits(terms, stems) / (len(terms) + len(stems) - shared))


def _hits(terms: Terms, stems: frozenset[str]) -> int:
    return sum(not stems.isdisjoint(term) for term in terms)
