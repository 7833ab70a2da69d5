"""The memory that a 50-message conversation takes in Redis, beside other memories."""

from __future__ import annotations

import asyncio
from uuid import UUID

import redis.asyncio
from agents.extensions.memory import RedisSession
from langchain_core.messages import AIMessage, BaseMessage

from benchmarks.report import Figure, Note
from benchmarks.server import RedisServer
from benchmarks.subjects import HELD, TTL, agents_items, community, conversation, own_memory

BUDGET = 1.0


def measure(server: RedisServer) -> list[Figure | Note]:
    """Store the same messages with each memory and add up the keys."""
    plain = conversation()
    ours, theirs = _ours(server, "plain", plain), _community(server, "plain-lc", plain)
    real = _as_from_a_provider(plain)
    ours_real, theirs_real = _ours(server, "real", real), _community(server, "real-lc", real)
    agents = asyncio.run(_agents(server, plain))
    return [
        Figure(
            f"Redis memory of {HELD} messages: against langchain-community",
            f"{ours} bytes against {theirs}",
            ours / theirs,
            BUDGET,
            1,
        ),
        Note(
            "the same for answers with an id and usage metadata",
            f"{ours_real} bytes against {theirs_real}, {ours_real / theirs_real:.2f}x",
        ),
        Note("the same against openai-agents", f"{ours / agents:.2f}x of {agents} bytes"),
        Note("the text itself", f"{sum(len(str(message.content)) for message in plain)} bytes"),
    ]


def _ours(server: RedisServer, session_id: str, messages: list[BaseMessage]) -> int:
    memory = own_memory(server.url)
    for start in range(0, len(messages), 2):
        memory.append(session_id, messages[start : start + 2])
    memory.close()
    return server.bytes_of(session_id)


def _community(server: RedisServer, session_id: str, messages: list[BaseMessage]) -> int:
    community(server.url, session_id).add_messages(messages)
    return server.bytes_of(session_id)


async def _agents(server: RedisServer, messages: list[BaseMessage]) -> int:
    client = redis.asyncio.Redis.from_url(server.url)
    session = RedisSession("plain-agents", redis_client=client, ttl=TTL)
    for start in range(0, len(messages), 2):
        await session.add_items(agents_items(messages[start : start + 2]))
    await client.aclose()
    return server.bytes_of("plain-agents")


def _as_from_a_provider(messages: list[BaseMessage]) -> list[BaseMessage]:
    usage = {"input_tokens": 5012, "output_tokens": 97, "total_tokens": 5109}
    metadata = {"model_name": "a-model-2025-01-01", "finish_reason": "stop"}
    return [
        AIMessage(
            message.content,
            id=f"lc_run--{UUID(int=number)}",
            usage_metadata=usage,
            response_metadata=metadata,
        )
        if isinstance(message, AIMessage)
        else message
        for number, message in enumerate(messages)
    ]
