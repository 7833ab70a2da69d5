"""The answerer without a model says what papers say, cites them, and invents nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from openta_agents.catalogue import Catalogue, Paper, load_sample
from openta_agents.citations import checked
from openta_agents.extractive import MOST_SENTENCES, Extractive
from openta_agents.followups import Standalone
from openta_agents.language import Language, requested
from openta_agents.phrases import phrases_in
from openta_agents.retrieval import build_retriever
from openta_agents.settings import AgentSettings

EN, ID = Language.ENGLISH, Language.INDONESIAN
LEARNING = ("Paper_002", "Paper_001", "Paper_003")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_sample()


def paper(number: int, abstract: str, **other: str) -> Paper:
    return Paper(
        id=f"Paper_{number:03}",
        title=other.get("title", f"Title {number}"),
        authors=("Ada Lovelace", "Alan Turing"),
        year=1950,
        abstract=abstract,
        keywords=(other["keyword"],) if "keyword" in other else (),
        url=None,
        summary_id=other.get("summary_id"),
    )


def answer(
    question: str,
    papers: Sequence[Paper],
    *,
    query: str | None = None,
    follows: str | None = None,
    language: Language = EN,
) -> str:
    alone = Standalone(query or question, follows)
    return "".join(Extractive().pieces(question, alone, papers, language))


def cited(text: str, papers: Sequence[Paper]) -> list[str]:
    found = checked(text, papers)
    assert found.text == text
    return [citation.id for citation in found.citations]


class TestADefinition:
    def test_is_the_sentence_that_defines_the_term(self, catalogue: Catalogue) -> None:
        papers = [catalogue[name] for name in ("Paper_004", *LEARNING)]

        said = answer("What is machine learning?", papers)

        assert said.startswith("Machine learning is a way of building programs")
        assert cited(said, papers)[0] == "Paper_002"

    @pytest.mark.parametrize(
        ("question", "name", "start"),
        [
            ("What is LSTM?", "Paper_015", "Long short-term memory, or LSTM, is"),
            ("Explain random forests", "Paper_007", "A random forest is"),
            ("define overfitting", "Paper_006", "Overfitting is"),
            ("What is backpropagation?", "Paper_005", "A neural network is"),
        ],
    )
    def test_is_found_by_any_name(
        self, catalogue: Catalogue, question: str, name: str, start: str
    ) -> None:
        papers = [catalogue["Paper_070"], catalogue[name]]

        said = answer(question, papers)

        assert said.startswith(start)
        assert cited(said, papers) == [name]

    def test_names_the_papers_that_define_the_same(self, catalogue: Catalogue) -> None:
        papers = [catalogue[name] for name in LEARNING]

        assert cited(answer("What is machine learning?", papers), papers) == list(LEARNING)

    def test_in_indonesian_is_the_indonesian_sentence(self, catalogue: Catalogue) -> None:
        papers = [catalogue[name] for name in LEARNING]

        said = answer("Apa itu pembelajaran mesin?", papers, language=ID)

        assert said.startswith("Pembelajaran mesin adalah cara membuat program")
        assert cited(said, papers) == list(LEARNING)

    def test_a_paper_without_indonesian_is_quoted_in_english_and_said_to_be(
        self, catalogue: Catalogue
    ) -> None:
        papers = [catalogue["Paper_068"]]

        said = answer("Apa itu privasi diferensial?", papers, language=ID)

        assert said.startswith("Dalam bahasa Inggris, katalog menulis: “Differential privacy is")
        assert said.endswith("” [1].")


class TestAnExample:
    def test_of_the_topic_before_says_what_it_follows_up_on(self, catalogue: Catalogue) -> None:
        papers = [catalogue[name] for name in LEARNING]

        said = answer(
            "Can you give me an example?",
            papers,
            query="machine learning",
            follows="machine learning",
        )

        assert said.startswith("Following up on machine learning: For example, a spam filter")
        assert cited(said, papers) == ["Paper_002"]

    def test_in_indonesian(self, catalogue: Catalogue) -> None:
        papers = [catalogue[name] for name in LEARNING]
        topic = "pembelajaran mesin"

        said = answer("Bisa beri contohnya?", papers, query=topic, follows=topic, language=ID)

        assert said.startswith("Melanjutkan pembelajaran mesin: Misalnya, penyaring spam")
        assert cited(said, papers) == ["Paper_002"]

    def test_another_one_is_not_the_first_again(self, catalogue: Catalogue) -> None:
        papers = [catalogue[name] for name in LEARNING]

        first, other = (
            answer(question, papers, query="machine learning", follows="machine learning")
            for question in ("An example?", "Another example?")
        )

        assert first != other

    def test_of_what_is_called_examples_is_a_definition(self, catalogue: Catalogue) -> None:
        said = answer("What are adversarial examples?", [catalogue["Paper_066"]])

        assert said.startswith("An adversarial example is")


class TestOtherQuestions:
    def test_get_the_sentences_that_say_most_of_it(self, catalogue: Catalogue) -> None:
        papers = [catalogue["Paper_009"], catalogue["Paper_001"]]

        said = answer("Did Kaggle winners use XGBoost solutions?", papers)

        assert "of 29 winning Kaggle solutions" in said
        assert 1 <= len(re.findall(r"\[\d+\]", said)) <= MOST_SENTENCES

    def test_for_more_get_what_was_not_said_by_a_definition(self, catalogue: Catalogue) -> None:
        papers = [catalogue["Paper_006"]]

        said = answer("Tell me more", papers, query="overfitting", follows="overfitting")

        assert said.startswith("Following up on overfitting: The paper splits prediction error")

    def test_for_papers_get_each_with_title_and_sentence(self, catalogue: Catalogue) -> None:
        papers = [catalogue["Paper_007"], catalogue["Paper_009"]]

        said = answer("Which papers are about decision trees?", papers)

        assert "\n- “Random Forests” (2001): A random forest is" in said
        assert cited(said, papers) == ["Paper_007", "Paper_009"]

    def test_that_compare_get_what_is_said_of_each(self, catalogue: Catalogue) -> None:
        papers = [catalogue["Paper_011"], catalogue["Paper_012"]]

        said = answer("What is the difference between PCA and t-SNE?", papers)

        assert "Principal component analysis is" in said
        assert "T-SNE is" in said
        assert cited(said, papers) == ["Paper_011", "Paper_012"]

    def test_on_who_wrote_it_get_names_and_year(self) -> None:
        papers = [paper(1, "Tea is a drink.", title="On Tea", keyword="tea")]

        said = answer("Who wrote that?", papers, query="tea", follows="tea")

        assert said == (
            "Following up on tea: “On Tea” was written by Ada Lovelace and Alan Turing (1950) [1]."
        )

    def test_on_what_the_papers_hardly_speak_of_are_answered_as_such(self) -> None:
        papers = [paper(1, "Summers are hot here."), paper(2, "Where glaciers are, it is cold.")]

        said = answer("Why do hot glaciers melt?", papers, follows="summers")

        assert phrases_in(EN).closest in said


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("follows", [None, "tea"])
@pytest.mark.parametrize(
    "question", ["What is tea?", "An example?", "Which papers?", "Who wrote it?", "Why?", "", "[1]"]
)
def test_without_a_paper_it_says_so_and_cites_nothing(
    question: str, follows: str | None, language: Language
) -> None:
    said = answer(question, [], query="tea", follows=follows, language=language)

    assert said.endswith(phrases_in(language).nothing)
    assert "[" not in said


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize(
    "question",
    ["What is tea?", "An example?", "Which papers?", "Who wrote it?", "Why?", "Compare", "", "?!"],
)
def test_every_sentence_is_a_paper_s_own_and_cited(question: str, language: Language) -> None:
    papers = [
        paper(1, "Tea is a drink. For example, mint tea is one. It is hot."),
        paper(2, "Coffee is dark."),
    ]
    words = {word for one in papers for word in re.findall(r"\w+", f"{one.abstract} {one.title}")}
    ours = " ".join(str(getattr(phrases_in(language), n)) for n in phrases_in(language).__slots__)

    said = answer(question, papers, query="tea", language=language)

    known = words | set(re.findall(r"\w+", ours)) | {"Ada", "Lovelace", "Alan", "Turing", "1950"}
    assert cited(said, papers)
    assert set(re.findall(r"\w+", said)) <= known | {"1", "2", "tea"}


def test_brackets_in_a_paper_or_a_question_are_not_taken_for_citations() -> None:
    papers = [paper(1, "Tea is old [2], as\nis said [1].", title="Tea [2]"), paper(2, "No.")]

    said = answer("What is tea?", papers, query="tea", follows="What does [2] say?")

    assert cited(said, papers) == ["Paper_001"]
    assert "Tea is old, as is said [1]." in said


def test_it_streams_a_sentence_at_a_time(catalogue: Catalogue) -> None:
    papers = [catalogue[name] for name in LEARNING]
    alone = Standalone("machine learning", "machine learning")

    pieces = list(Extractive().pieces("Tell me more", alone, papers, EN))

    assert pieces[0] == "Following up on machine learning: "
    assert len(pieces) == 1 + MOST_SENTENCES
    assert all(len(re.findall(r"\[\d\]", piece)) == 1 for piece in pieces[1:])


@pytest.mark.timeout(5)
def test_a_huge_question_over_huge_papers_is_answered_soon() -> None:
    papers = [paper(n, "Tea is hot, and tea is good. " * 20_000) for n in range(4)]

    assert cited(answer("what is tea and " * 6000, papers), papers)


@pytest.mark.parametrize("talk", ["thanks!", "Hello", "ok", "great", "Thank you so much"])
def test_small_talk_gets_a_friendly_sentence_and_no_citation(talk: str) -> None:
    assert answer(talk, [paper(1, "Hello is a word.")]) == phrases_in(EN).pleased


@pytest.mark.parametrize("talk", ["terima kasih", "makasih", "sip", "halo", "Oke"])
def test_small_talk_in_indonesian_is_answered_in_it(talk: str) -> None:
    assert answer(talk, [], language=requested(None, talk)) == phrases_in(ID).pleased


@pytest.mark.parametrize(
    "question",
    [
        "Siapa presiden Indonesia?",
        "who is the president of the United States?",
        "when was the first world war?",
        "python list sort",
        "summarize our conversation",
        "tree surgeon near me",
        "who won the world cup?",
    ],
)
def test_a_stray_word_of_a_paper_is_no_answer(question: str) -> None:
    language = requested(None, question)
    found = build_retriever(AgentSettings()).invoke(question)
    papers = [load_sample()[document.metadata["id"]] for document in found]

    assert answer(question, papers, language=language) == phrases_in(language).nothing


def test_who_wrote_it_is_answered_by_a_paper_whose_subject_it_is() -> None:
    aside = paper(1, "Tea is a drink. Green kettles whistle.", title="Tea", keyword="tea")

    assert "written by" not in answer("Who invented green kettles?", [aside])
    assert "written by" in answer("Who invented tea?", [aside])
