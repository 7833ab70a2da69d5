"""English and Indonesian: which one a text is in, its words, its sentences."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from threading import local

import Stemmer  # type: ignore[import-not-found] # it has no types

from openta_agents.errors import QuestionError
from openta_agents.glossary import GLOSSARY
from openta_agents.stopwords import ENGLISH, INDONESIAN

STOP_WORDS = ENGLISH | INDONESIAN

_LONGEST_TERM = max(len(term.split()) for term in GLOSSARY)


class Language(StrEnum):
    """A language that the built-in answerer has phrases in."""

    ENGLISH = "en"
    INDONESIAN = "id"


# ISO 639-1, and "in", which Indonesian was until 1989.
_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy
da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht
hu hy hz ia id ie ig ii ik in io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw
ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv
ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq
sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh
yi yo za zh zu
"""
_TWO_LETTERS = frozenset(_CODES.split())
# RFC 5646: language, script, region, variants, extensions, private use.
_TAG = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(-[a-wy-z\d](-[a-z\d]{2,8})+)*(-x(-[a-z\d]{1,8})+)?",
    re.IGNORECASE,
)
_LONGEST_TAG = 100
_SHOWN = 40

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_FIGURE = re.compile(r"\d")  # one alone says nothing of a subject
_PLURAL = re.compile(r"(?<=[A-Z]{2})s\b")
# What is said in Indonesian and stands for no content, but in no list of stop words.
_INDONESIAN_TALK = frozenset(
    {"makasih", "terima", "halo", "hai", "sip", "mantap", "oke", "selamat", "baik", "ya"}
)
_INDONESIAN_FORM = re.compile(
    r"(?:mem|men|meng|meny|pem|pen|peng|peny|ber|ter|per|pel|bel|ke|di)\w{3,}(?:an|kan|nya|i)"
    r"|\w{3,}(?:nya|kah|lah)|(?:meng|meny|peng|peny)\w{3,}|\w{4,}(?:aan|kan)"
)
_SENTENCE_END = re.compile(
    r"(?:(?<=[.!?…])|(?<=[.!?…][\"”\u2019')\]]))\s+(?=[\"“\u2018'(\[]*[^\Wa-z_])",
)
_ABBREVIATED = re.compile(
    r"(?:\b(?:al|e\.g|i\.e|vs|cf|dr|prof|mr|mrs|ms|fig|eq|vol|dll|dkk|dsb|hlm|[A-Z])\.)$",
    re.IGNORECASE,
)


def checked_tag(tag: str) -> str:
    """Give a BCP 47 tag as it is when it is one.

    Raises:
        QuestionError: When it is malformed, or its language is not known.
    """
    primary = tag.partition("-")[0].lower()
    known = len(primary) != 2 or primary in _TWO_LETTERS  # noqa: PLR2004 - ISO 639-1's letters
    if len(tag) <= _LONGEST_TAG and known and _TAG.fullmatch(tag):
        return tag
    shown = tag if len(tag) <= _SHOWN else tag[: _SHOWN - 1] + "…"
    raise QuestionError(f"{shown!r} names no language: write a BCP 47 tag, such as en or id-ID")


def of_tag(tag: str | None) -> Language:
    """Give the language of our phrases for a tag: Indonesian for its tags, else English.

    Raises:
        QuestionError: When the tag is malformed, or its language is not known.
    """
    primary = checked_tag(tag).partition("-")[0].lower() if tag is not None else "en"
    return Language.INDONESIAN if primary in {"id", "in", "ind"} else Language.ENGLISH


def requested(tag: str | None, question: str) -> Language:
    """Give the language to answer in: the tag's, or the question's where there is no tag."""
    return detect(question) if tag is None else of_tag(tag)


def detect(text: str) -> Language:
    """Tell which of the two languages a text is in; English where nothing tells."""
    found = words(text)
    indonesian = len((INDONESIAN | _INDONESIAN_TALK).intersection(found))
    english = len(ENGLISH.intersection(found))
    if indonesian == english:
        indonesian += any(_INDONESIAN_FORM.fullmatch(word) for word in found)
    return Language.INDONESIAN if indonesian > english else Language.ENGLISH


def alternatives(text: str) -> list[tuple[str, ...]]:
    """Give a query's content words, each as the stems and translations it may be found by.

    A query is often in one language and what it looks for in the other, so a word is stemmed in
    both, and the terms of the glossary are looked for in English as well.
    """
    found = _content(text)
    translated = _translated(found)
    return [
        tuple(dict.fromkeys([*(stem(word, language) for language in Language), *translated[place]]))
        for place, word in enumerate(found)
    ]


def phrases(text: str) -> list[str]:
    """Give a query's pairs of neighbouring words, as `pairs` gives those of a text."""
    found = _content(text)
    said = [pairs([stem(word, language) for word in found]) for language in Language]
    english = [pairs(list(translation)) for translation in _translated(found)]
    return list(dict.fromkeys(pair for given in [*said, *english] for pair in given))


def pairs(found: list[str]) -> list[str]:
    """Give each two neighbours of some tokens as one token."""
    return [f"{first} {second}" for first, second in pairwise(found)]


def _content(text: str) -> list[str]:
    return [word for word in words(text) if not _says_nothing(word)]


def _says_nothing(word: str) -> bool:
    return word in STOP_WORDS or _FIGURE.fullmatch(word) is not None


def _translated(found: list[str]) -> list[tuple[str, ...]]:
    """Give for each word the English tokens of the longest term of the glossary it is part of."""
    given: list[tuple[str, ...]] = [()] * len(found)
    for length in range(_LONGEST_TERM, 0, -1):
        for place in range(len(found) - length + 1):
            english = GLOSSARY.get(" ".join(found[place : place + length]))
            if english and not any(given[place : place + length]):
                given[place : place + length] = [tuple(tokens(english, Language.ENGLISH))] * length
    return given


def words(text: str) -> list[str]:
    """Give a text's words, lowercased, and abbreviations (LSTMs) in the singular."""
    return _WORD.findall(_PLURAL.sub("", text).lower().replace("\u2019", "'"))


def tokens(text: str, language: Language | None = None) -> list[str]:
    """Give a text's content words, stemmed in its language.

    Args:
        text: What was said or written.
        language: What it is in; None: it is detected.
    """
    spoken = language or detect(text)
    stems = [_content_stem(word, spoken) for word in words(text)]
    return [found for found in stems if found]


@lru_cache(maxsize=200_000)
def _content_stem(word: str, language: Language) -> str:
    return "" if _says_nothing(word) else stem(word, language)


@lru_cache(maxsize=200_000)
def stem(word: str, language: Language) -> str:
    """Give a word's stem, by Snowball's rules for the language.

    An Indonesian text's English terms get their English stem, so that they meet the English texts.
    """
    if language is Language.INDONESIAN:
        own = _snowball("indonesian", word)
        if own != word:
            return own
    return _snowball("english", word)


def _snowball(name: str, word: str) -> str:
    # A stemmer must not be used by two threads at a time.
    stemmers = _own.__dict__
    if name not in stemmers:
        stemmers[name] = Stemmer.Stemmer(name, 0)
    return str(stemmers[name].stemWord(word))


_own = local()


def sentences(text: str) -> list[str]:
    """Give a text's sentences, in order."""
    whole: list[str] = []
    for piece in _SENTENCE_END.split(text.strip()):
        if whole and _ABBREVIATED.search(whole[-1]):
            whole[-1] = f"{whole[-1]} {piece}"
        elif piece:
            whole.append(piece)
    return whole
