"""Questions and answers."""

from __future__ import annotations

from uuid import uuid4

from fastapi import APIRouter

from openta_server.dependencies import Owner, TheAssistant, WholeQuestion
from openta_server.schemas import ChatAnswer, CitedPaper

router = APIRouter(prefix="/chat")


@router.post("/basic")
async def basic(asked: WholeQuestion, assistant: TheAssistant, owner: Owner) -> ChatAnswer:
    """Answer a question from what its conversation holds, and store both."""
    how = asked.meta_params
    conversation_id = how.conversation_id or f"conv_{uuid4().hex}"
    answer = await assistant.answer(
        asked.query,
        conversation_id=conversation_id,
        owner=owner,
        incognito=how.is_incognito,
        language=how.language,
        source_preference=how.source_preference,
        timezone=how.timezone,
        mode=how.mode,
    )
    return ChatAnswer(
        answer=answer.text,
        sources=list(answer.sources),
        citations=[CitedPaper.model_validate(citation) for citation in answer.citations],
        conversation_id=conversation_id,
        message_id=answer.message_id,
        search_query=answer.search_query,
    )
