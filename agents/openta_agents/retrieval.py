"""The retriever: BM25, and where embeddings are given, fused with them."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from openta_agents.catalogue import Catalogue, Paper, load_catalogue, load_sample
from openta_agents.dense import Dense, build_embeddings
from openta_agents.index import Hit, Index
from openta_agents.settings import AgentSettings

# What is added to a place before its reciprocal is taken, so that one list's first few do not
# outvote what both agree on (Cormack, Clarke and Buettcher, 2009).
FUSION = 60
# How many papers of each list are fused.
FUSED = 100
# The largest catalogue that is searched on the event loop itself, which takes some milliseconds.
INLINE_PAPERS = 20_000
INLINE_CHARACTERS = 2_000


class PaperRetriever(BaseRetriever):
    """Finds the papers of a catalogue that share content words with a query, the best first.

    Attributes:
        catalogue: The papers.
        index: Their index.
        k: How many papers are given, at most.
        dense: The papers as vectors, to find those that say it in other words; None: BM25 alone.

    Example:
        >>> retriever = build_retriever(AgentSettings())
        >>> retriever.invoke("What is machine learning?")[0].metadata["year"]
        2012
    """

    catalogue: Catalogue
    index: Index
    k: int = Field(default=4, ge=1)
    dense: Dense | None = None

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager
        vector = self.dense.of_query(query) if self.dense else None
        return self._found(query, vector)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        del run_manager
        vector = await self.dense.aof_query(query) if self.dense else None
        if len(self.catalogue) <= INLINE_PAPERS and len(query) <= INLINE_CHARACTERS:
            return self._found(query, vector)
        return await asyncio.to_thread(self._found, query, vector)

    def _found(self, query: str, vector: Any) -> list[Document]:
        if self.dense is None or vector is None:
            hits = self.index.search(query, self.k)
        else:
            lists = [self.index.search(query, FUSED), self.dense.search(vector, FUSED)]
            hits = fused(lists)[: self.k]
        return [_document(self.catalogue[hit.paper_id], hit.score) for hit in hits]


def fused(lists: list[list[Hit]]) -> list[Hit]:
    """Fuse ranked lists by reciprocal rank; of equal ones the earlier list's go first."""
    scores: dict[str, float] = {}
    for hits in lists:
        for place, hit in enumerate(hits, start=1):
            scores[hit.paper_id] = scores.get(hit.paper_id, 0) + 1 / (FUSION + place)
    return [Hit(*item) for item in sorted(scores.items(), key=lambda item: -item[1])]


def build_retriever(settings: AgentSettings) -> PaperRetriever:
    """Build the retriever that the settings describe.

    Raises:
        CatalogueError: When the catalogue can't be read or holds no paper.
        MissingPackageError: When the embeddings need a package that is not installed.
        AgentSettingsError: When there are no embeddings of that name.
        ModelError: When the embedding model fails on the papers.
    """
    catalogue = load_catalogue(settings.catalogue) if settings.catalogue else load_sample()
    folder = settings.index_dir
    index = Index.load(folder, catalogue) if folder else Index.build(catalogue)
    return PaperRetriever(
        catalogue=catalogue, index=index, k=settings.papers, dense=_dense(settings, catalogue)
    )


def _dense(settings: AgentSettings, catalogue: Catalogue) -> Dense | None:
    if settings.embeddings is None:
        return None
    embeddings = build_embeddings(settings.embeddings)
    return Dense.load(settings.index_dir, catalogue, embeddings, name=settings.embeddings)


def _document(paper: Paper, score: float) -> Document:
    metadata = {
        "id": paper.id,
        "paper_id": paper.id,
        "title": paper.title,
        "authors": list(paper.authors),
        "year": paper.year,
        "url": paper.url,
        "score": score,
    }
    return Document(page_content=paper.abstract, metadata=metadata, id=paper.id)
