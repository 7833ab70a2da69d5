"""Papers are found by their words in two languages, and by embeddings where they are given."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from openta_agents.catalogue import Catalogue, load_sample
from openta_agents.dense import Dense, build_embeddings
from openta_agents.errors import AgentSettingsError, CatalogueError, MissingPackageError, ModelError
from openta_agents.index import Hit, Index
from openta_agents.retrieval import PaperRetriever, build_retriever, fused
from openta_agents.settings import AgentSettings

SAMPLE = load_sample()
INDEX = Index.build(SAMPLE)


class Topics(Embeddings):
    """Embeddings that know a few topics, one a dimension, and count what they are asked."""

    def __init__(self, topics: tuple[str, ...] = ("machine", "database", "zebra")) -> None:
        self.topics = topics
        self.read = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.read += len(texts)
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        # Who asks for stripes means the zebra: what no word tells, and a model knows.
        said = text.lower().replace("stripes", "zebra").replace("tables", "database")
        return [float(said.count(topic)) for topic in self.topics]


class Broken(Topics):
    def embed_query(self, text: str) -> list[float]:
        raise RuntimeError(f"quota; you said {text}")


class Crooked(Topics):
    def embed_query(self, text: str) -> list[float]:
        return [float(len(text)), *super().embed_query(text)]


def retriever(**options: Any) -> PaperRetriever:
    return PaperRetriever(catalogue=SAMPLE, index=INDEX, **options)


def ids(documents: list[Document]) -> list[str]:
    return [document.metadata["id"] for document in documents]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("What is machine learning?", "Paper_001"),
        ("Apa itu pembelajaran mesin?", "Paper_001"),
        ("pembelajaran mesin", "Paper_002"),
        ("apa itu machine learning", "Paper_003"),
        ("How do SVMs work?", "Paper_008"),
        ("What is overfitting?", "Paper_006"),
        ("Apa itu kendali versi?", "Paper_080"),
        ("Apa itu halusinasi pada model bahasa?", "Paper_040"),
    ],
)
def test_a_question_finds_its_papers(question: str, wanted: str) -> None:
    assert wanted in ids(retriever().invoke(question))


@pytest.mark.parametrize(
    "question",
    [
        "What is the capital of France?",
        "How do I cook rice?",
        "Bagaimana cara memasak nasi goreng?",
        "Can you give me an example?",
        "Bisa beri contohnya?",
        "best pizza recipe",
        "",
        "???",
    ],
)
def test_an_unrelated_question_finds_nothing(question: str) -> None:
    assert retriever().invoke(question) == []
    assert asyncio.run(retriever().ainvoke(question)) == []


def test_a_document_says_what_it_is() -> None:
    document = retriever(k=1).invoke("checkers")[0]
    paper = SAMPLE["Paper_001"]
    score = document.metadata.pop("score")
    assert score > 0
    assert document.page_content == paper.abstract
    assert document.metadata == {
        "id": paper.id,
        "paper_id": paper.id,
        "title": paper.title,
        "authors": list(paper.authors),
        "year": paper.year,
        "url": paper.url,
    }
    json.dumps(document.metadata)


def test_the_best_come_first_and_no_more_than_k() -> None:
    scores = [d.metadata["score"] for d in retriever(k=3).invoke("neural network training")]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)


def test_sync_and_async_find_the_same() -> None:
    for question in ("What is deep learning?", "x " * 5_000 + "deep learning"):
        expected = retriever().invoke(question)
        assert asyncio.run(retriever().ainvoke(question)) == expected


def test_a_huge_question_does_not_hold_the_event_loop() -> None:
    async def longest_pause() -> float:
        longest, last = 0.0, time.perf_counter()
        search = asyncio.create_task(
            retriever().ainvoke(" ".join(f"word{n}" for n in range(12_000)))
        )
        while not search.done():
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        await search
        return longest

    assert asyncio.run(longest_pause()) < 0.5


def test_ranks_are_fused_by_their_reciprocals() -> None:
    words = [Hit("a", 9.0), Hit("b", 8.0)]
    meaning = [Hit("b", 0.9), Hit("c", 0.8)]
    assert fused([words, meaning]) == [
        Hit("b", pytest.approx(1 / 62 + 1 / 61)),
        Hit("a", pytest.approx(1 / 61)),
        Hit("c", pytest.approx(1 / 62)),
    ]


def test_embeddings_find_what_no_word_tells() -> None:
    dense = Dense.build(SAMPLE, Topics())
    question = "Rows in tables"
    assert "Paper_001" not in ids(retriever(dense=dense).invoke(question))
    said = ids(retriever(dense=dense, k=10).invoke(question))
    assert any("database" in SAMPLE[paper].abstract.lower() for paper in said)
    assert ids(asyncio.run(retriever(dense=dense, k=10).ainvoke(question))) == said


def test_embeddings_of_an_unrelated_question_find_nothing() -> None:
    dense = Dense.build(SAMPLE, Topics())
    assert retriever(dense=dense).invoke("How do I cook rice?") == []


@pytest.mark.parametrize("embeddings", [Broken(), Crooked()])
def test_embeddings_that_fail_on_a_question_leave_bm25(
    embeddings: Embeddings, caplog: pytest.LogCaptureFixture
) -> None:
    dense = Dense(SAMPLE, embeddings, Dense.build(SAMPLE, Topics())._vectors)
    question = "What is machine learning?"
    assert retriever(dense=dense).invoke(question) == retriever().invoke(question)
    assert asyncio.run(retriever(dense=dense).ainvoke(question)) == retriever().invoke(question)
    assert "BM25 goes on alone" in caplog.text
    assert question not in caplog.text


def test_embeddings_that_fail_on_the_papers_are_an_error_of_ours() -> None:
    with pytest.raises(ModelError, match="RuntimeError"):
        Dense.build(SAMPLE, Broken())


def test_vectors_are_saved_and_read_rather_than_made_again(tmp_path: Path) -> None:
    first, again, other = Topics(), Topics(), Topics()
    Dense.load(tmp_path, SAMPLE, first, name="a:b")
    dense = Dense.load(tmp_path, SAMPLE, again, name="a:b")
    Dense.load(tmp_path, SAMPLE, other, name="a:c")
    assert (first.read, again.read, other.read) == (len(SAMPLE), 0, len(SAMPLE))
    assert retriever(dense=dense).invoke("machine")
    saved = sorted(tmp_path.glob("*.npy"))
    assert len(saved) == 2
    for path in saved:
        path.write_bytes(path.read_bytes()[:100])
    Dense.load(tmp_path, SAMPLE, again, name="a:b")
    assert again.read == len(SAMPLE)


def test_the_sample_is_searched_where_no_catalogue_is_set() -> None:
    found = build_retriever(AgentSettings(papers=2)).invoke("What is machine learning?")
    assert len(found) == 2


def test_a_catalogue_and_an_index_folder_can_be_set(tmp_path: Path) -> None:
    papers = tmp_path / "mine.jsonl"
    mine = {"id": "Z", "title": "Zebras", "authors": [], "year": 2001, "abstract": "Stripes."}
    papers.write_text(json.dumps(mine))
    settings = AgentSettings(catalogue=papers, index_dir=tmp_path / "index")
    assert ids(build_retriever(settings).invoke("zebra")) == ["Z"]
    assert len(list((tmp_path / "index").iterdir())) == 1
    with pytest.raises(CatalogueError):
        build_retriever(AgentSettings(catalogue=tmp_path / "none.jsonl"))


def test_a_missing_package_of_embeddings_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_ollama", None)
    with pytest.raises(MissingPackageError, match="pip install langchain-ollama"):
        build_embeddings("ollama:nomic-embed-text")


def test_unknown_embeddings_and_a_missing_key_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("nobody:nothing", "openai:text-embedding-3-small"):
        with pytest.raises(AgentSettingsError, match=f"OPENTA_EMBEDDINGS={name}: "):
            build_embeddings(name)


def test_a_paper_in_indonesian_alone_is_found(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    paper = SAMPLE["Paper_001"]
    own = type(paper)(
        "I", "Pasang Surut", (), 2000, "Pasang surut terjadi karena bulan.", ("pasang surut",)
    )
    catalogue = Catalogue([own, paper])
    here = PaperRetriever(catalogue=catalogue, index=Index.build(catalogue))
    assert ids(here.invoke("Kenapa terjadi pasang surut?")) == ["I"]
    assert "pasang" not in caplog.text.lower()
