"""A question that leans takes the topic before it along; one that stands alone does not."""

from __future__ import annotations

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from openta_agents.followups import LONGEST_READ, MOST_WORDS, Standalone, standalone
from openta_agents.language import Language
from openta_agents.phrases import phrases_in

TITLES = ("Random Forests", "Deep learning", "Attention Is All You Need")
CITED = [{"number": n, "title": title} for n, title in enumerate(TITLES, 1)]

LEANING = [
    "Can you give me an example?",
    "An example?",
    "example please",
    "Any concrete examples?",
    "Which of them is fastest?",
    "Tell me more.",
    "Could you go into more detail?",
    "Go on, what causes it?",
    "Why?",
    "Why not?",
    "Really?",
    "And in practice?",
    "and for images?",
    "What about translation?",
    "How about small data sets",
    "How does it work?",
    "what's it used for",
    "Is it different from statistics?",
    "Who invented that?",
    "Who are the authors of that paper?",
    "Who wrote the paper?",
    "Did people like the results better?",
    "What are its limitations?",
    "What are the advantages?",
    "Does this apply to images?",
    "Do these need labels?",
    "How were they trained?",
    "What mistakes do people make with it?",
    "Which dataset does it use?",
    "Why would the small one learn better that way?",
    "Is there a faster one?",
    "What should I watch out for?",
    "How do I start?",
    "Compare them with decision trees",
    "What is the difference between the two?",
    "Thanks, and an example?",
    "How big is its vocabulary?",
    "You mentioned weights, what are those?",
    "Bisa beri contohnya?",
    "Beri contoh",
    "Kasih contoh penerapannya dong",
    "contoh-contohnya apa saja",
    "Ceritakan lebih lanjut",
    "Jelaskan lebih rinci",
    "Kenapa?",
    "Mengapa begitu?",
    "Yang mana paling cepat?",
    "Bagaimana dengan terjemahan?",
    "Dan untuk gambar?",
    "Apa kelebihannya?",
    "Bagaimana cara kerjanya?",
    "Siapa yang pertama kali mengusulkannya?",
    "Mengapa metode itu populer?",
    "Apakah itu penting?",
    "Apa itu?",
    "Kapan itu dipublikasikan?",
    "Seberapa besar datanya?",
    "Apa bedanya dengan statistika?",
    "Di mana metode tersebut dipakai?",
    "Apakah mereka memerlukan label?",
    "Kalau begitu, apa kekurangannya?",
]

ALONE = [
    "What is overfitting?",
    "Give me an example of overfitting",
    "What are adversarial examples?",
    "What is a transformer and why is it better than recurrent networks?",
    "What is overfitting and how do we prevent it?",
    "What is BERT? Is it good?",
    "what is bert is it good",
    "How does a neural network learn its weights?",
    "Is deep learning good when it has little data?",
    "Is it possible to train a network without labels?",
    "Is there a model that learns from rewards?",
    "Which papers show that dropout helps?",
    "What was new in machine translation this year?",
    "Are there methods such as boosting for ranking?",
    "Who wrote the paper on random forests?",
    "Tell me more about reinforcement learning",
    "And what is overfitting?",
    "But who invented LSTM?",
    "What is a model?",
    "What is an algorithm?",
    "Which papers are about federated learning?",
    "Why do transformers need positional encodings?",
    "How can a small network be taught to copy a big one?",
    "How do tokenizers split words they have never seen?",
    "Can a network sort pictures by sentences that describe them?",
    "How does a network plan before it answers?",
    "How do I train a classifier?",
    "What can transformers do?",
    "Thanks!",
    "hello",
    "Apa itu overfitting?",
    "Apa itu overfitting dan bagaimana mengatasinya?",
    "Overfitting itu apa?",
    "Lalu, apa itu pembelajaran mendalam?",
    "Apa bedanya BERT dan GPT?",
    "Apa contohnya overfitting?",
    "Berikan contoh dari pembelajaran penguatan",
    "Bagaimana jaringan saraf memperbaiki bobotnya?",
    "Apakah pembelajaran mesin itu sulit?",
    "Misalnya, apa gunanya basis data relasional?",
    "Apa model bahasa terbesar saat ini?",
    "Terima kasih!",
    "Apa itu algoritma?",
]

ON_LEARNING = [HumanMessage("What is machine learning?"), AIMessage("It is learning [1].")]


def asked(*questions: str) -> list[BaseMessage]:
    turns = [(HumanMessage(question), AIMessage("So it is.")) for question in questions]
    return [message for turn in turns for message in turn]


@pytest.mark.parametrize("question", LEANING)
class TestAQuestionThatLeans:
    def test_takes_the_topic_along(self, question: str) -> None:
        found = standalone(question, ON_LEARNING)

        assert found.follows == "machine learning"
        assert "machine learning" in found.query

    def test_does_so_in_any_case_and_without_punctuation(self, question: str) -> None:
        bare = "".join(c for c in question.upper() if c.isalnum() or c in " '-")

        assert standalone(bare, ON_LEARNING).follows == "machine learning"

    def test_leans_on_nothing_where_nothing_was_said(self, question: str) -> None:
        assert standalone(question, []) == Standalone(question, None)


@pytest.mark.parametrize("question", ALONE)
def test_a_question_that_stands_alone_takes_nothing_along(question: str) -> None:
    assert standalone(question, ON_LEARNING) == Standalone(question, None)
    assert standalone(question.lower(), ON_LEARNING).follows is None


def test_an_example_is_searched_by_the_topic_and_not_by_the_word_example() -> None:
    assert standalone("An example?", ON_LEARNING).query == "machine learning"


def test_what_a_leaning_question_adds_is_searched_with_the_topic() -> None:
    assert standalone("How does it help doctors?", ON_LEARNING).query == "machine learning doctors"


def test_a_new_subject_comes_before_the_one_it_is_put_beside() -> None:
    found = standalone("What about translation?", ON_LEARNING)

    assert found == Standalone("translation machine learning", "machine learning")


def test_a_chain_reaches_back_to_the_question_that_named_the_subject() -> None:
    history = asked("What is dropout?", "Why?", "Tell me more", "And in practice?", "Thanks")

    assert standalone("Another example?", history) == Standalone("dropout", "dropout")


def test_a_chain_keeps_what_was_added_on_the_way() -> None:
    history = asked("What is dropout?", "Does it help translation?")

    assert standalone("An example?", history) == Standalone("dropout translation", "dropout")


def test_after_what_about_the_talk_is_on_the_new_subject() -> None:
    history = asked("What is dropout?", "What about batch normalization?")

    assert standalone("An example?", history).follows == "batch normalization"


def test_the_last_subject_named_is_the_one_leant_on() -> None:
    history = asked("What is dropout?", "An example?", "What is BERT?")

    assert standalone("Who made it?", history).follows == "BERT"


def test_a_topic_with_no_simple_name_is_followed_up_by_its_question() -> None:
    question = "How does Google rank web pages?"

    assert standalone("Who invented that?", asked(question)).follows == question


def test_an_indonesian_topic_is_carried_over() -> None:
    found = standalone("Bisa beri contohnya?", asked("Apa itu pembelajaran mesin?"))

    assert found == Standalone("pembelajaran mesin", "pembelajaran mesin")


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Tell me more about the second one", TITLES[1]),
        ("who wrote the THIRD paper", TITLES[2]),
        ("What does the last one say?", TITLES[2]),
        ("What does [1] say?", TITLES[0]),
        ("Explain paper 2", TITLES[1]),
        ("Jelaskan yang kedua", TITLES[1]),
        ("Apa isi makalah ketiga?", TITLES[2]),
    ],
)
def test_a_place_in_the_answer_before_is_what_it_cited_there(question: str, title: str) -> None:
    answer = AIMessage("These.", additional_kwargs={"citations": CITED})

    assert standalone(question, [HumanMessage("Which papers?"), answer]).follows == title


def test_a_place_in_a_list_without_citations_is_what_it_names() -> None:
    answer = AIMessage("\n".join(f"{n}. {title}" for n, title in enumerate(TITLES, 1)))

    assert standalone("The second one?", [HumanMessage("Which?"), answer]).follows == TITLES[1]


def test_a_place_that_the_answer_does_not_have_falls_back_to_the_topic() -> None:
    assert standalone("And the fifth one?", ON_LEARNING).follows == "machine learning"


def test_where_no_question_names_a_subject_the_answer_does() -> None:
    answer = AIMessage("So.", additional_kwargs={"citations": CITED})

    assert standalone("Why?", [answer]).follows == TITLES[0]
    assert standalone("Why?", [AIMessage("Dropout drops units.")]).query == "Dropout drops units"


def test_messages_that_say_nothing_of_the_topic_are_passed_over() -> None:
    history: list[BaseMessage] = [
        SystemMessage("You are kind."),
        HumanMessage([{"type": "text", "text": "What is dropout?"}]),
        AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "1"}]),
        ToolMessage("BERT is a model.", tool_call_id="1"),
        AIMessage([{"type": "text", "text": "It is so."}], additional_kwargs={"citations": 7}),
        HumanMessage([{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]),
        AIMessage([], additional_kwargs={"citations": [None, {"number": "1"}, {"title": 3}]}),
        HumanMessage("   "),
    ]

    assert standalone("What is the second one?", history) == Standalone("dropout", "dropout")


@pytest.mark.parametrize("question", ["", "   ", "?!", "…", "😀", "1", "[1]"])
def test_a_question_without_words_is_no_error(question: str) -> None:
    assert isinstance(standalone(question, ON_LEARNING), Standalone)
    assert standalone(question, []) == Standalone(question.strip(), None)


@pytest.mark.timeout(5)
def test_a_huge_question_takes_no_time_and_adds_few_words() -> None:
    huge = "it and what about the one " * LONGEST_READ
    history = asked(huge, "What is dropout?", " ".join(f"it{n} it" for n in range(5000)))

    assert len(standalone(huge, history).query.split()) <= MOST_WORDS


@pytest.mark.parametrize("talk", ["thanks!", "terima kasih", "ok", "halo", "makasih", "sip"])
def test_small_talk_never_becomes_the_topic(talk: str) -> None:
    answer = AIMessage(phrases_in(Language.INDONESIAN).pleased)
    history = [*ON_LEARNING, HumanMessage(talk), answer]

    assert standalone("siapa yang memperkenalkannya?", history).follows == "machine learning"
    assert standalone("tell me more", [HumanMessage(talk), answer]).follows is None


@pytest.mark.parametrize("language", Language)
def test_a_question_that_no_paper_matched_never_becomes_the_topic(language: Language) -> None:
    answer = AIMessage(phrases_in(language).nothing, additional_kwargs={"citations": []})
    history = [*ON_LEARNING, HumanMessage("best pizza in town?"), answer]

    found = standalone("tell me more", history)

    assert found == Standalone("machine learning", "machine learning")


@pytest.mark.parametrize(
    "question",
    [
        "Makalah mana yang memperkenalkannya?",
        "Siapa yang menulisnya?",
        "Siapa yang menulis?",
        "Mengapa itu terjadi?",
        "Bagaimana mengatasinya?",
        "Kapan diterbitkan?",
        "Siapa yang menjelaskannya?",
        "Which paper introduces it?",
    ],
)
def test_what_is_done_to_the_topic_is_not_searched_for(question: str) -> None:
    assert standalone(question, ON_LEARNING) == Standalone("machine learning", "machine learning")
