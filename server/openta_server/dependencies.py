"""What routes are handed, so that they carry no logic of their own."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from openta_agents import Assistant
from openta_memory import ConversationMemory
from openta_server.schemas import ChatRequest


async def _memory(request: Request) -> ConversationMemory:
    memory: ConversationMemory = request.app.state.memory
    return memory


async def _assistant(request: Request) -> Assistant:
    assistant: Assistant = request.app.state.assistant
    return assistant


async def _owner() -> str | None:
    """Say who asks: everyone is the one trusted user, until callers identify themselves."""
    return None


async def _whole(asked: ChatRequest) -> ChatRequest:
    if asked.meta_params.stream:
        raise HTTPException(501, 'Streaming comes in a later release: send "stream": false.')
    return asked


Memory = Annotated[ConversationMemory, Depends(_memory)]
TheAssistant = Annotated[Assistant, Depends(_assistant)]
Owner = Annotated[str | None, Depends(_owner)]
WholeQuestion = Annotated[ChatRequest, Depends(_whole)]
