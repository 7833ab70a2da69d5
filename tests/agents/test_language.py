"""Which language a text is in, its words and its sentences."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from openta_agents.errors import QuestionError
from openta_agents.language import (
    Language,
    alternatives,
    checked_tag,
    detect,
    of_tag,
    phrases,
    requested,
    sentences,
    tokens,
)


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", Language.ENGLISH),
        ("en-GB", Language.ENGLISH),
        ("id", Language.INDONESIAN),
        ("id-ID", Language.INDONESIAN),
        ("ID-id", Language.INDONESIAN),
        ("in", Language.INDONESIAN),
        ("zh-Hant-TW", Language.ENGLISH),
        ("de-CH-1996", Language.ENGLISH),
        ("sl-rozaj-biske", Language.ENGLISH),
        ("en-u-ca-gregory", Language.ENGLISH),
        ("jv-x-mine", Language.ENGLISH),
        (None, Language.ENGLISH),
    ],
)
def test_a_tag_gives_the_language_of_our_phrases(tag: str | None, language: Language) -> None:
    assert of_tag(tag) is language


def test_a_tag_of_another_language_is_kept() -> None:
    assert checked_tag("pt-BR") == "pt-BR"


@pytest.mark.parametrize(
    "tag",
    ["", " ", "xx", "english", "en_US", "en-", "-en", "en--US", "e", "en US", "é", "12", "e9"],
)
def test_a_tag_that_names_no_language_is_refused_by_name(tag: str) -> None:
    with pytest.raises(QuestionError) as refused:
        requested(tag, "What is it?")
    assert repr(tag) in str(refused.value)


def test_a_huge_tag_is_shown_in_part() -> None:
    with pytest.raises(QuestionError) as refused:
        of_tag("en-" + "a" * 100_000)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is machine learning?", Language.ENGLISH),
        ("Can you give me an example?", Language.ENGLISH),
        ("Apa itu pembelajaran mesin?", Language.INDONESIAN),
        ("Bisa beri contohnya?", Language.INDONESIAN),
        ("Apa itu machine learning?", Language.INDONESIAN),
        ("pembelajaran mesin", Language.INDONESIAN),
        ("machine learning", Language.ENGLISH),
        ("", Language.ENGLISH),
        ("機械学習", Language.ENGLISH),
    ],
)
def test_the_language_of_a_question_is_told(text: str, language: Language) -> None:
    assert detect(text) is language
    assert requested(None, text) is language


def test_the_tag_wins_over_the_question() -> None:
    assert requested("id", "What is machine learning?") is Language.INDONESIAN


def test_tokens_are_stems_without_stop_words() -> None:
    assert tokens("What are the learning machines?") == ["learn", "machin"]
    assert tokens("Apa itu pembelajaran mesin?") == ["ajar", "mesin"]
    assert tokens("Is it?") == []


def test_english_terms_in_an_indonesian_text_meet_the_english_texts() -> None:
    assert set(tokens("machine learning")) <= set(tokens("Apakah itu machine learning?"))


def test_abbreviations_are_found_in_the_plural() -> None:
    assert tokens("SVMs and LSTMs") == tokens("svm lstm")


def test_a_querys_words_are_given_in_both_languages() -> None:
    first, second = alternatives("pembelajaran mesin")
    assert {"ajar", "machin", "learn"} <= set(first)
    assert {"mesin", "machin", "learn"} <= set(second)
    assert {"ajar mesin", "machin learn"} <= set(phrases("pembelajaran mesin"))


def test_stems_are_the_same_from_many_threads() -> None:
    said = " ".join(f"running{n} pembelajaran networks" for n in range(50))
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(tokens, [said] * 40))
    assert all(found == given[0] for found in given)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three? Four", 4),
        ("It rose by 3.5 percent. Then it fell.", 2),
        ("Smith et al. Report this. It holds.", 2),
        ("By J. Smith and others. It is long.", 2),
        ('He said "It works." Then he left.', 2),
        ("For example, e.g. spam. That is all.", 2),
        ("Ini contoh, dll. Itu juga. Selesai.", 2),
        ("", 0),
        ("   ", 0),
    ],
)
def test_a_text_is_split_into_its_sentences(text: str, count: int) -> None:
    found = sentences(text)
    assert len(found) == count
    assert " ".join(found) == text.strip()
