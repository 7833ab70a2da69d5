"""What is measured: conversations of a fixed size, and the memories that hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_community.chat_message_histories import (
    RedisChatMessageHistory as CommunityHistory,
)
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables.history import RunnableWithMessageHistory

from openta_memory import ConversationMemory, MemorySettings, aio, store

HELD = 50
CONTENT_BYTES = 450
TTL = 3600

_PROSE = (
    "A transformer attends to every token of its input at once, so it needs no recurrence; "
    'what it calls "attention" weighs each pair of tokens.\nIts cost grows with the square of '
    "the length. "
)


def prose(number: int) -> str:
    """Give text of 450 bytes that differs from message to message."""
    return (f"{number:04d} " + _PROSE * 3)[:CONTENT_BYTES]


def turn(number: int) -> list[BaseMessage]:
    """Give a question and its answer, as a caller builds them: without ids."""
    return [HumanMessage(prose(2 * number)), AIMessage(prose(2 * number + 1))]


def conversation(count: int = HELD) -> list[BaseMessage]:
    """Give that many messages, in turns of two."""
    return [message for number in range(count // 2) for message in turn(number)]


def memory_on(url: str, *, max_messages: int = HELD) -> tuple[ConversationMemory, Any, Any]:
    """Build a memory and give the clients it uses as well: (memory, sync, async)."""
    settings = MemorySettings.load(
        redis_url=url, session_ttl=TTL, max_messages_per_session=max_messages
    )
    client, async_client = store.connect(settings), aio.connect(settings)
    memory = ConversationMemory(settings=settings, client=client, async_client=async_client)
    return memory, client, async_client


def own_memory(url: str) -> ConversationMemory:
    """Build a memory as users do: it makes its own connections."""
    return ConversationMemory(redis_url=url, ttl=TTL, max_messages=HELD)


def filled(memory: ConversationMemory, session_id: str, count: int = HELD) -> None:
    """Bring a conversation to its cap, turn by turn."""
    for number in range(count // 2):
        memory.append(session_id, turn(number))


def community(url: str, session_id: str) -> CommunityHistory:
    """Build langchain-community's history, as its users do for each turn."""
    return CommunityHistory(session_id, url=url, ttl=TTL)


def chain(get_history: Callable[..., Any]) -> RunnableWithMessageHistory:
    """Build an unmodified RunnableWithMessageHistory around a model that answers at once."""
    prompt = ChatPromptTemplate.from_messages(
        [
            ("system", "You are a research assistant."),
            MessagesPlaceholder("history"),
            ("human", "{question}"),
        ]
    )
    model = FakeListChatModel(responses=[prose(1)])
    return RunnableWithMessageHistory(
        prompt | model,
        get_history,
        input_messages_key="question",
        history_messages_key="history",
    )


def asked(session_id: str) -> tuple[dict[str, str], Any]:
    """Give a runnable's input and config for one turn of a conversation."""
    return {"question": prose(0)}, {"configurable": {"session_id": session_id}}


def agents_items(messages: list[BaseMessage]) -> list[Any]:
    """Give messages in openai-agents' form."""
    roles = {"human": "user", "ai": "assistant"}
    return [{"role": roles[message.type], "content": message.content} for message in messages]
