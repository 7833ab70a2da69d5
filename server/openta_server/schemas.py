"""What the service takes and gives, as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Preference = Annotated[str, StringConstraints(max_length=64)]


class MetaParams(BaseModel):
    """How a question is to be answered.

    Attributes:
        stream: Send the answer as it is made; only false is served yet.
        conversation_id: The conversation to go on with; without one, a new one is made.
        is_incognito: Read nothing of the conversation and store nothing.
        language: Accepted, not used yet; so are the three that follow.
        mode: How thoroughly to answer.
        timezone: Where the asker is.
        source_preference: Which sources to prefer.
    """

    model_config = ConfigDict(extra="forbid")

    stream: bool = False
    conversation_id: Annotated[str, StringConstraints(min_length=1)] | None = None
    is_incognito: bool = False
    language: Preference | None = None
    mode: Preference | None = None
    timezone: Preference | None = None
    source_preference: Preference | None = None


class ChatRequest(BaseModel):
    """A question, and how it is to be answered."""

    model_config = ConfigDict(extra="forbid")

    query: Query
    meta_params: MetaParams = Field(default_factory=MetaParams)


class ChatAnswer(BaseModel):
    """An answer.

    Attributes:
        answer: What is answered.
        sources: Ids of the papers it was taken from; none yet.
        citations: Where in the answer they are cited; none yet.
        conversation_id: Name it in the next question to go on.
        message_id: The stored answer; null where nothing was stored.
        search_query: The question made to stand alone.
    """

    answer: str
    sources: list[str] = []
    citations: list[str] = []
    conversation_id: str
    message_id: str | None
    search_query: str


class Health(BaseModel):
    """A sign of life."""

    status: str


class Readiness(Health):
    """What can be used.

    Attributes:
        redis: Whether Redis answers.
        archive: Whether the archive does; null where there is none.
        waiting: How many changes wait to be archived; null where that can't be known.
    """

    redis: bool
    archive: bool | None
    waiting: int | None
