"""The steps of one answer: make the question stand alone, find papers, answer from them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.utils import AddableDict
from typing_extensions import override

from openta_agents import prompts
from openta_agents.calls import Caller
from openta_agents.catalogue import Paper
from openta_agents.citations import Checked, CitationFilter
from openta_agents.extractive import Extractive
from openta_agents.followups import Standalone, standalone
from openta_agents.language import Language, requested
from openta_agents.questions import Asked
from openta_agents.replies import Draft

_LONGEST_QUERY = 500

_ONLY_PAPERS = {
    Language.ENGLISH: (
        "Without a chat model, papers are all that I can answer from: allow them, "
        "or set OPENTA_MODEL."
    ),
    Language.INDONESIAN: (
        "Tanpa model bahasa, saya hanya dapat menjawab dari makalah: izinkan makalah, "
        "atau atur OPENTA_MODEL."
    ),
}


@dataclass(frozen=True, slots=True)
class Means:
    """What answers are made with.

    Attributes:
        retriever: What finds papers.
        model: The chat model; None: answers are put together from the papers' sentences.
        name: What the model is called; None where there is none.
        caller: How the model is called.
        context_tokens: How much of the turns before the model is shown, at most.
    """

    retriever: BaseRetriever
    model: BaseChatModel | None
    name: str | None
    caller: Caller
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Found:
    """A question and the papers found for it."""

    asked: Asked
    standalone: Standalone
    papers: Sequence[Paper]


def plain_answer(means: Means) -> Runnable[Asked, AddableDict]:
    """Build the steps that answer after one search."""
    find = _Find(means)
    return RunnableLambda(find.find, find.afind, name="find") | _Answer(means)


def paper_of(document: Document, retriever: BaseRetriever) -> Paper:
    """Give the paper that a document found is."""
    about = document.metadata
    paper_id = str(about.get("id") or document.id or about.get("title") or "unknown")
    try:
        paper: Paper = retriever.catalogue[paper_id]  # type: ignore[attr-defined] # ours has it
    except (AttributeError, KeyError):
        return Paper(
            id=paper_id,
            title=str(about.get("title", paper_id)),
            authors=tuple(map(str, about.get("authors") or ())),
            year=int(about.get("year") or 0),
            abstract=document.page_content,
            keywords=(),
            url=about.get("url"),
            summary_id=None,
        )
    return paper


class _Find:
    """The step from a question to papers."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def find(self, asked: Asked, config: RunnableConfig) -> Found:
        alone = standalone(asked.question, asked.history)
        if asked.preference == "only_general":
            return Found(asked, alone, ())
        model, prompt = self._means.model, self._rewriting(asked)
        if model and prompt:
            said = self._means.caller.once(lambda: model.invoke(prompt, config))
            alone = _rewritten(alone, said)
        documents = self._means.retriever.invoke(alone.query, config)
        return self._found(asked, alone, documents)

    async def afind(self, asked: Asked, config: RunnableConfig) -> Found:
        alone = standalone(asked.question, asked.history)
        if asked.preference == "only_general":
            return Found(asked, alone, ())
        model, prompt = self._means.model, self._rewriting(asked)
        if model and prompt:
            said = await self._means.caller.aonce(lambda: model.ainvoke(prompt, config))
            alone = _rewritten(alone, said)
        documents = await self._means.retriever.ainvoke(alone.query, config)
        return self._found(asked, alone, documents)

    def _rewriting(self, asked: Asked) -> list[BaseMessage]:
        """Give the rewriting's prompt; none for a first question, which stands alone."""
        if not (self._means.model and asked.history):
            return []
        budget = self._means.context_tokens
        return prompts.rewriting(asked.question, asked.history, max_tokens=budget)

    def _found(self, asked: Asked, alone: Standalone, documents: list[Document]) -> Found:
        papers = [paper_of(one, self._means.retriever) for one in documents]
        pointed = [paper for paper in papers if paper.title == alone.only]
        # A model is given the others too: it may be asked to compare them.
        return Found(asked, alone, papers if self._means.model else pointed[:1] or papers)


def _rewritten(rule: Standalone, said: BaseMessage) -> Standalone:
    """Take what the model wrote; of more than one line the first that asks, or the rule's own."""
    lines = [line.strip() for line in said.text.splitlines() if line.strip()]
    asking = lines if len(lines) == 1 else [line for line in lines if line.endswith("?")]
    query = asking[0][:_LONGEST_QUERY] if asking else rule.query
    return Standalone(query=query, follows=rule.follows)


class _Answer(Runnable[Found, AddableDict]):
    """The step from papers to the answer, whole or piece by piece."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._extractive = Extractive()

    @override
    def invoke(
        self, input: Found, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AddableDict:
        if (model := self._means.model) is None:
            return self._whole(input, "".join(self._composed(input)))
        prompt = self._prompt(input)
        said = self._means.caller.once(lambda: model.invoke(prompt, config))
        return self._whole(input, said.text)

    @override
    async def ainvoke(
        self, input: Found, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AddableDict:
        if (model := self._means.model) is None:
            return self._whole(input, "".join(self._composed(input)))
        prompt = self._prompt(input)
        said = await self._means.caller.aonce(lambda: model.ainvoke(prompt, config))
        return self._whole(input, said.text)

    @override
    def stream(
        self, input: Found, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[AddableDict]:
        telling = _Telling(self._draft(input), input.papers)
        for piece in self._pieces(input, config):
            yield from telling.tell(piece)
        yield from telling.end(self._means.caller)

    @override
    async def astream(
        self, input: Found, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AddableDict]:
        telling = _Telling(self._draft(input), input.papers)
        async with aclosing(self._apieces(input, config)) as pieces:
            async for piece in pieces:
                for part in telling.tell(piece):
                    yield part
        for part in telling.end(self._means.caller):
            yield part

    def _pieces(self, found: Found, config: RunnableConfig | None) -> Iterator[str]:
        if (model := self._means.model) is None:
            return self._composed(found)
        prompt = self._prompt(found)
        chunks = self._means.caller.each(lambda: model.stream(prompt, config))
        return (chunk.text for chunk in chunks)

    async def _apieces(self, found: Found, config: RunnableConfig | None) -> AsyncGenerator[str]:
        if (model := self._means.model) is None:
            for piece in self._composed(found):
                yield piece
            return
        prompt = self._prompt(found)
        chunks = self._means.caller.aeach(lambda: model.astream(prompt, config))
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk.text

    def _composed(self, found: Found) -> Iterator[str]:
        asked = found.asked
        language = requested(asked.tag, asked.question)
        if asked.preference == "only_general":
            return iter([_ONLY_PAPERS[language]])
        return self._extractive.pieces(asked.question, found.standalone, found.papers, language)

    def _prompt(self, found: Found) -> list[BaseMessage]:
        budget = self._means.context_tokens
        return prompts.answering(found.asked, found.papers, max_tokens=budget)

    def _draft(self, found: Found) -> Draft:
        return Draft(found.standalone, self._means.name)

    def _whole(self, found: Found, text: str) -> AddableDict:
        telling = _Telling(self._draft(found), found.papers)
        return telling.whole(text, self._means.caller)


class _Telling:
    """An answer while it is told: what can be shown of it by now, and what it cites."""

    def __init__(self, draft: Draft, papers: Sequence[Paper]) -> None:
        self._draft = draft
        self._filter = CitationFilter(papers)
        self._told: list[str] = []

    def tell(self, piece: str) -> Iterator[AddableDict]:
        yield from self._shown(self._filter.feed(piece))

    def end(self, caller: Caller) -> Iterator[AddableDict]:
        yield from self._shown(self._filter.finish())
        yield self._draft.last(self._checked(caller))

    def whole(self, text: str, caller: Caller) -> AddableDict:
        self._told = [self._filter.feed(text), self._filter.finish()]
        return self._draft.whole(self._checked(caller))

    def _shown(self, text: str) -> Iterator[AddableDict]:
        if text:
            self._told.append(text)
            yield self._draft.part(text)

    def _checked(self, caller: Caller) -> Checked:
        text = "".join(self._told)
        if not text.strip():
            raise caller.nothing()
        return Checked(text, self._filter.citations, self._filter.removed)
