"""Mode "deep": an agent that searches as often as it takes, and answers from all it found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from threading import Lock
from typing import Any, cast

from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.utils import AddableDict
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from openta_agents import prompts
from openta_agents.answering import Means, paper_of
from openta_agents.catalogue import Paper
from openta_agents.citations import checked
from openta_agents.errors import ModelError, QuestionError
from openta_agents.followups import Standalone, standalone
from openta_agents.models import can_call_tools
from openta_agents.questions import Asked
from openta_agents.replies import OURS, Draft
from openta_memory import valid_window

MAX_SEARCHES = 8

# Each search is a step of the model's and one of the tool's; some are left to come to an end.
_STEPS = 2 * (MAX_SEARCHES + 3)
_LONGEST_QUERY = 500


class _Query(BaseModel):
    query: str = Field(description="What to search for: a few words that name the subject in full")


def deep_answer(means: Means) -> Runnable[Asked, AddableDict]:
    """Build the step that answers by an agent with a search tool.

    The reply's `messages` hold the agent's tool calls and their results before the answer. A
    stream gives the answer in one part: only its end tells a note before a search from an answer.
    """
    deep = _Deep(means)
    return RunnableLambda(deep.answer, deep.aanswer, name="deep")


def check_deep(asked: Asked, means: Means) -> None:
    """Refuse mode "deep" where it can't be.

    Raises:
        QuestionError: When there is no model, it can't call tools, or no paper may be searched.
    """
    if asked.mode != "deep":
        return
    if means.model is None:
        raise QuestionError('mode: "deep" needs a chat model: set OPENTA_MODEL, or use "basic"')
    if not can_call_tools(means.model):
        raise QuestionError(f'mode: {means.name} can\'t call tools, as "deep" needs: use "basic"')
    if asked.preference == "only_general":
        raise QuestionError('mode: "deep" searches papers: use "basic" with "only_general"')


class _Deep:
    def __init__(self, means: Means) -> None:
        self._means = means

    def answer(self, asked: Asked, config: RunnableConfig) -> AddableDict:
        search, given = _Search(self._means.retriever), self._given(asked)
        last = given
        for state in self._means.caller.each(lambda: self._run(asked, search, given, config)):
            last = state["messages"]
        return self._reply(asked, search, last[len(given) :])

    async def aanswer(self, asked: Asked, config: RunnableConfig) -> AddableDict:
        search, given = _Search(self._means.retriever), self._given(asked)
        last = given
        async for state in self._means.caller.aeach(
            lambda: self._arun(asked, search, given, config)
        ):
            last = state["messages"]
        return self._reply(asked, search, last[len(given) :])

    def _run(
        self, asked: Asked, search: _Search, given: list[BaseMessage], config: RunnableConfig
    ) -> Iterator[dict[str, Any]]:
        from langgraph.errors import GraphRecursionError  # noqa: PLC0415 - as in _agent

        agent, bounded = self._agent(asked, search), {**config, "recursion_limit": _STEPS}
        try:
            yield from agent.stream({"messages": given}, bounded, stream_mode="values")
        except GraphRecursionError:
            raise self._endless() from None

    async def _arun(
        self, asked: Asked, search: _Search, given: list[BaseMessage], config: RunnableConfig
    ) -> AsyncIterator[dict[str, Any]]:
        from langgraph.errors import GraphRecursionError  # noqa: PLC0415 - as in _agent

        # In a thread, as the first one's import takes a second.
        agent = await asyncio.to_thread(self._agent, asked, search)
        bounded = {**config, "recursion_limit": _STEPS}
        try:
            async for state in agent.astream({"messages": given}, bounded, stream_mode="values"):
                # The first says what was given: the model has not been heard yet.
                if len(state["messages"]) > len(given):
                    yield state
        except GraphRecursionError:
            raise self._endless() from None

    def _agent(self, asked: Asked, search: _Search) -> Any:
        # Here and not above, so that who asks nothing deep doesn't wait for the import.
        from langchain.agents import create_agent  # noqa: PLC0415

        # `check_deep` has seen to it that there is one.
        model = cast("BaseChatModel", self._means.model)
        return create_agent(model, [search.tool()], system_prompt=prompts.searching(asked))

    def _given(self, asked: Asked) -> list[BaseMessage]:
        history = [_without_ours(message) for message in asked.history]
        window = valid_window(history, max_tokens=self._means.context_tokens)
        return prompts.in_turns([*window, HumanMessage(asked.question)])

    def _reply(self, asked: Asked, search: _Search, made: Sequence[BaseMessage]) -> AddableDict:
        said = checked(made[-1].text, search.papers) if made else None
        if said is None or not said.text.strip() or not isinstance(made[-1], AIMessage):
            raise self._means.caller.nothing()
        rule = standalone(asked.question, asked.history)
        alone = Standalone(query=search.first or rule.query, follows=rule.follows)
        return Draft(alone, self._means.name).whole(said, earlier=made[:-1])

    def _endless(self) -> ModelError:
        return ModelError(f"the model {self._means.name} searched without end: use mode basic")


class _Search:
    """The agent's tool in one run: a paper keeps its number through all searches.

    Attributes:
        papers: What was found so far; the first has number 1.
        first: What was searched for first.
    """

    def __init__(self, retriever: BaseRetriever) -> None:
        self._retriever = retriever
        self._searches = 0
        self._lock = Lock()  # a model may ask for several searches at a time
        self.papers: list[Paper] = []
        self.first: str | None = None

    def tool(self) -> BaseTool:
        return StructuredTool.from_function(
            self._search,
            coroutine=self._asearch,
            name="search_papers",
            description="Search the catalogue for papers; gives the best with their numbers.",
            args_schema=_Query,
        )

    def _search(self, query: str) -> str:
        if refusal := self._begin(query):
            return refusal
        return self._found(self._retriever.invoke(query[:_LONGEST_QUERY]))

    async def _asearch(self, query: str) -> str:
        if refusal := self._begin(query):
            return refusal
        return self._found(await self._retriever.ainvoke(query[:_LONGEST_QUERY]))

    def _begin(self, query: str) -> str | None:
        with self._lock:
            self._searches += 1
            self.first = self.first or query[:_LONGEST_QUERY]
            enough = self._searches > MAX_SEARCHES
        return "That was the last search: answer from what was found." if enough else None

    def _found(self, documents: Sequence[Document]) -> str:
        with self._lock:
            papers = [paper_of(document, self._retriever) for document in documents]
            return prompts.listed([(self._number(paper), paper) for paper in papers])

    def _number(self, paper: Paper) -> int:
        ids = [known.id for known in self.papers]
        if paper.id in ids:
            return ids.index(paper.id) + 1
        self.papers.append(paper)
        return len(self.papers)


def _without_ours(message: BaseMessage) -> BaseMessage:
    """Give a message without what we keep beside it, which no provider needs to see."""
    kept = {name: value for name, value in message.additional_kwargs.items() if name not in OURS}
    return message.model_copy(update={"additional_kwargs": kept})
