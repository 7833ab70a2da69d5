"""Questions and answers."""

from __future__ import annotations

from uuid import uuid4

from fastapi import APIRouter

from openta_server.dependencies import Owner, TheAssistant, WholeQuestion
from openta_server.schemas import ChatAnswer

router = APIRouter(prefix="/chat")


@router.post("/basic")
async def basic(asked: WholeQuestion, assistant: TheAssistant, owner: Owner) -> ChatAnswer:
    """Answer a question from what its conversation holds, and store both."""
    conversation_id = asked.meta_params.conversation_id or f"conv_{uuid4().hex}"
    answer = await assistant.answer(
        asked.query,
        conversation_id=conversation_id,
        owner=owner,
        incognito=asked.meta_params.is_incognito,
    )
    return ChatAnswer(
        answer=answer.text,
        conversation_id=conversation_id,
        message_id=answer.message_id,
        search_query=answer.search_query,
    )
