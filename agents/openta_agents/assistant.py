"""The assistant: answers from papers under LangChain's `RunnableWithMessageHistory`."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import (
    ConfigurableFieldSpec,
    Runnable,
    RunnableConfig,
    RunnableLambda,
)
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.runnables.utils import AddableDict

from openta_agents.answering import Means, plain_answer
from openta_agents.calls import Caller
from openta_agents.citations import Citation
from openta_agents.deep import check_deep, deep_answer
from openta_agents.models import build_model, name_of
from openta_agents.questions import Asked, read
from openta_agents.retrieval import build_retriever
from openta_agents.settings import AgentSettings
from openta_memory import ConversationMemory, TurnHistory

Given = dict[str, Any]
Chain = Runnable[Given, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        text: What is answered.
        search_query: The question made to stand alone.
        message_id: The id of the stored message; None where nothing is stored.
        sources: Ids of the papers that the answer cites.
        citations: Those papers, each with its number in the text.
        follows: What of an earlier turn the question leans on; None where it stands alone.
        model: The chat model that answered; None where none did.
        removed: What was cited and taken out, as no such paper was given.
    """

    text: str
    search_query: str
    message_id: str | None
    sources: tuple[str, ...] = ()
    citations: tuple[Citation, ...] = ()
    follows: str | None = None
    model: str | None = None
    removed: tuple[int | str, ...] = ()


def build_assistant(
    memory: ConversationMemory,
    settings: AgentSettings | None = None,
    *,
    model: BaseChatModel | None = None,
    retriever: BaseRetriever | None = None,
) -> Chain:
    """Build the assistant as a runnable that remembers its conversations.

    Takes `question`, and where wanted `language` (a BCP 47 tag), `source_preference` ("all",
    "only_papers", "only_general"), `timezone` (an IANA name) and `mode` ("basic", "deep"), with
    `session_id` and `owner` (None is a trusted caller) in the config's `configurable`. Gives
    `answer` (an AIMessage), `sources` (ids of papers), `citations` and `search_query`; a stream
    gives the answer as chunks, and the rest with the last of them. The question is stored before
    it is answered. LangChain logs it when an answer can't be stored, and goes on: where the
    caller must learn of it, use `Assistant`.

    Args:
        memory: Where conversations are kept; closing it stays with the caller.
        settings: From the environment where not given.
        model: The chat model, in place of the settings'.
        retriever: What finds papers, in place of the settings' catalogue.

    Raises:
        AgentSettingsError: When a setting can't be used.
        CatalogueError: When the catalogue can't be read.
        MissingPackageError: When the model's package is not installed.

    Example:
        >>> chain = build_assistant(ConversationMemory())
        >>> here = {"configurable": {"session_id": "conv_1", "owner": None}}
        >>> reply = chain.invoke({"question": "What is machine learning?"}, here)
        >>> reply = chain.invoke({"question": "Can you give me an example?"}, here)
        >>> "machine learning" in reply["search_query"].lower()
        True
    """
    means = _means(settings, model, retriever)
    begin = _Begin(means)
    return _remembering(
        RunnableLambda(begin.begin, begin.abegin, name="begin") | _answerer(means),
        memory.turn,
        ConfigurableFieldSpec(id="session_id", annotation=str),
        ConfigurableFieldSpec(id="owner", annotation=str | None),
    )


class Assistant:
    """Answers questions, each in its conversation, and raises when one could not be stored.

    Args:
        memory: Where conversations are kept; closing it stays with the caller.
        settings: From the environment where not given.
        model: The chat model, in place of the settings'.
        retriever: What finds papers, in place of the settings' catalogue.

    Raises:
        AgentSettingsError: When a setting can't be used.
        CatalogueError: When the catalogue can't be read.
        MissingPackageError: When the model's package is not installed.
    """

    def __init__(
        self,
        memory: ConversationMemory,
        settings: AgentSettings | None = None,
        *,
        model: BaseChatModel | None = None,
        retriever: BaseRetriever | None = None,
    ) -> None:
        self._memory = memory
        self._means = _means(settings, model, retriever)
        self._answerer = _answerer(self._means)
        self._chain = _remembering(
            self._answerer, _handed_in, ConfigurableFieldSpec(id="turn", annotation=TurnHistory)
        )

    async def answer(
        self,
        question: str,
        *,
        conversation_id: str,
        owner: str | None = None,
        incognito: bool = False,
        language: str | None = None,
        source_preference: str | None = None,
        timezone: str | None = None,
        mode: str | None = None,
    ) -> Answer:
        """Answer a question from what its conversation holds, and store both.

        The question is stored before it is answered, so that a failure loses no question.

        Args:
            question: What is asked.
            conversation_id: The conversation; it is created when there is none.
            owner: Whose it must be, or becomes; None is a trusted caller.
            incognito: Read nothing and store nothing; the conversation stays as it is.
            language: What to answer in, a BCP 47 tag; the question's language without one.
            source_preference: "all", or "only_papers", or "only_general" for no papers.
            timezone: Where the asker is, an IANA name.
            mode: "basic", or "deep" for a model that searches as often as it takes.

        Raises:
            QuestionError: When the question can't be answered as it was put; nothing is stored.
            ModelError: When the model fails; the question is stored.
            SessionIdError: When the id can't be used.
            OwnerError: When the conversation is not this owner's.
            MessageError: When the question or the answer can't be stored.
            StoreError: When Redis can't be used; the question may be stored, the answer is not.
        """
        how = _how(language, source_preference, timezone, mode)
        given = self._given(question, how)
        if incognito:
            return _answer(await self._answerer.ainvoke(given), stored=False)
        turn = self._memory.turn(conversation_id, owner)
        await turn.abegin(given["question"])
        reply = await self._chain.ainvoke(given, _in(turn))
        if turn.error:
            raise turn.error
        return _answer(reply, stored=True)

    async def stream(
        self,
        question: str,
        *,
        conversation_id: str,
        owner: str | None = None,
        incognito: bool = False,
        language: str | None = None,
        source_preference: str | None = None,
        timezone: str | None = None,
        mode: str | None = None,
    ) -> AsyncIterator[str | Answer]:
        """Answer a question piece by piece as the answer is made; the last is the whole `Answer`.

        Args and Raises are those of `answer`. What is given up in the middle is not stored, but
        for the question.
        """
        how = _how(language, source_preference, timezone, mode)
        given = self._given(question, how)
        if incognito:
            async for part in _told(self._answerer.astream(given), stored=False):
                yield part
            return
        turn = self._memory.turn(conversation_id, owner)
        await turn.abegin(given["question"])
        async for part in _told(self._chain.astream(given, _in(turn)), stored=True, turn=turn):
            yield part

    def _given(self, question: str, how: dict[str, str | None]) -> Given:
        given = {**how, "question": question}
        check_deep(read(given), self._means)
        return {**given, "question": HumanMessage(question, id=str(uuid4()))}


class _Begin:
    """The step that checks a question, then stores it before it is answered."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def begin(self, given: Given, config: RunnableConfig) -> Given:
        check_deep(read(given), self._means)
        _turn(config).begin(given["question"])
        return given

    async def abegin(self, given: Given, config: RunnableConfig) -> Given:
        check_deep(read(given), self._means)
        await _turn(config).abegin(given["question"])
        return given


def _means(
    settings: AgentSettings | None, model: BaseChatModel | None, retriever: BaseRetriever | None
) -> Means:
    settings = settings or AgentSettings.load()
    chosen = model or build_model(settings)
    name = name_of(chosen) if chosen else None
    return Means(
        retriever=retriever or build_retriever(settings),
        model=chosen,
        name=name,
        caller=Caller(name or "", settings.model_seconds),
        context_tokens=settings.context_tokens,
    )


def _how(
    language: str | None, source_preference: str | None, timezone: str | None, mode: str | None
) -> dict[str, str | None]:
    return {
        "language": language,
        "source_preference": source_preference,
        "timezone": timezone,
        "mode": mode,
    }


def _answerer(means: Means) -> Chain:
    modes = {"basic": plain_answer(means), "deep": deep_answer(means)}

    # Both ways, or LangChain would send the one that is there to a thread.
    async def aread(given: Given) -> Asked:
        return read(given)

    def choose(asked: Asked) -> Runnable[Asked, AddableDict]:
        return modes[asked.mode]

    async def achoose(asked: Asked) -> Runnable[Asked, AddableDict]:
        return modes[asked.mode]

    steps = RunnableLambda(read, aread, name="read") | RunnableLambda(choose, achoose, name="mode")
    return cast("Chain", steps)


async def _told(
    parts: AsyncIterator[dict[str, Any]], *, stored: bool, turn: TurnHistory | None = None
) -> AsyncIterator[str | Answer]:
    """Give the text of a stream's parts, then the answer when it is stored."""
    reply: dict[str, Any] = {}
    async for part in parts:
        reply = part
        if text := part["answer"].text:
            yield text
    if turn and turn.error:
        raise turn.error
    yield _answer({**reply, "answer": reply["messages"][-1]}, stored=stored)


def _answer(reply: dict[str, Any], *, stored: bool) -> Answer:
    message = reply["answer"]
    citations = [
        Citation(**{**one, "authors": tuple(one["authors"])}) for one in reply["citations"]
    ]
    return Answer(
        message.text,
        reply["search_query"],
        message.id if stored else None,
        sources=tuple(reply["sources"]),
        citations=tuple(citations),
        follows=reply["follows"],
        model=message.additional_kwargs["model"],
        removed=tuple(reply["removed"]),
    )


def _turn(config: RunnableConfig) -> TurnHistory:
    turn: TurnHistory = config["configurable"]["message_history"]
    return turn


def _in(turn: TurnHistory) -> RunnableConfig:
    return {"configurable": {"turn": turn}}


def _handed_in(turn: TurnHistory) -> TurnHistory:
    return turn


def _remembering(
    runnable: Chain, history: Callable[..., TurnHistory], *fields: ConfigurableFieldSpec
) -> Chain:
    with warnings.catch_warnings():
        # The choice of this class is ours, so its deprecation is no news to our users.
        warnings.filterwarnings("ignore", message="RunnableWithMessageHistory is deprecated")
        return RunnableWithMessageHistory(
            runnable,
            history,
            input_messages_key="question",
            output_messages_key="messages",
            history_messages_key="history",
            history_factory_config=fields,
        )
