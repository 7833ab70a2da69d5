"""The assistant: the answerer under LangChain's `RunnableWithMessageHistory`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableFieldSpec, Runnable
from langchain_core.runnables.history import RunnableWithMessageHistory

from openta_agents.answerer import build_answerer
from openta_memory import ConversationMemory, TurnHistory


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    Attributes:
        text: What is answered.
        search_query: The question made to stand alone.
        message_id: The id of the stored message; None where nothing is stored.
    """

    text: str
    search_query: str
    message_id: str | None


def build_assistant(memory: ConversationMemory) -> Runnable[dict[str, Any], dict[str, Any]]:
    """Build the assistant as a runnable that remembers its conversations.

    Takes `{"question": ...}`, with `session_id` and `owner` (None is a trusted caller) in the
    config's `configurable`. LangChain logs it when an answer can't be stored, and goes on: where
    the caller must learn of it, use `Assistant`.

    Example:
        >>> chain = build_assistant(ConversationMemory())
        >>> here = {"configurable": {"session_id": "conv_1", "owner": None}}
        >>> reply = chain.invoke({"question": "What is machine learning?"}, here)
        >>> reply = chain.invoke({"question": "Can you give me an example?"}, here)
        >>> reply["answer"].text.startswith("Following up on your question")
        True
    """
    return _remembering(
        memory.turn,
        ConfigurableFieldSpec(id="session_id", annotation=str),
        ConfigurableFieldSpec(id="owner", annotation=str | None),
    )


class Assistant:
    """Answers questions, each in its conversation, and raises when one could not be stored.

    Args:
        memory: Where conversations are kept; closing it stays with the caller.
    """

    def __init__(self, memory: ConversationMemory) -> None:
        self._memory = memory
        self._answerer = build_answerer()
        self._chain = _remembering(
            _handed_in, ConfigurableFieldSpec(id="turn", annotation=TurnHistory)
        )

    async def answer(
        self,
        question: str,
        *,
        conversation_id: str,
        owner: str | None = None,
        incognito: bool = False,
    ) -> Answer:
        """Answer a question from what its conversation holds, and store both.

        The question is stored before it is answered, so that a failure loses no question.

        Args:
            question: What is asked.
            conversation_id: The conversation; it is created when there is none.
            owner: Whose it must be, or becomes; None is a trusted caller.
            incognito: Read nothing and store nothing; the conversation stays as it is.

        Raises:
            SessionIdError: When the id can't be used.
            OwnerError: When the conversation is not this owner's.
            MessageError: When the question or the answer can't be stored.
            StoreError: When Redis can't be used; the question may be stored, the answer is not.
        """
        asked = HumanMessage(question, id=str(uuid4()))
        if incognito:
            reply = await self._answerer.ainvoke({"question": asked, "history": []})
            return _answer(reply, stored=False)
        return await self._answer_and_store(asked, self._memory.turn(conversation_id, owner))

    async def _answer_and_store(self, asked: HumanMessage, turn: TurnHistory) -> Answer:
        await turn.abegin(asked)
        reply = await self._chain.ainvoke({"question": asked}, {"configurable": {"turn": turn}})
        if turn.error:
            raise turn.error
        return _answer(reply, stored=True)


def _answer(reply: dict[str, Any], *, stored: bool) -> Answer:
    message = reply["answer"]
    return Answer(message.text, reply["search_query"], message.id if stored else None)


def _handed_in(turn: TurnHistory) -> TurnHistory:
    return turn


def _remembering(
    history: Callable[..., TurnHistory], *fields: ConfigurableFieldSpec
) -> Runnable[dict[str, Any], dict[str, Any]]:
    with warnings.catch_warnings():
        # The choice of this class is ours, so its deprecation is no news to our users.
        warnings.filterwarnings("ignore", message="RunnableWithMessageHistory is deprecated")
        return RunnableWithMessageHistory(
            build_answerer(),
            history,
            input_messages_key="question",
            output_messages_key="answer",
            history_messages_key="history",
            history_factory_config=fields,
        )
