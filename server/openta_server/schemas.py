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
        language: What to answer in, a BCP 47 tag; the question's language without one.
        mode: "basic", or "deep" for a chat model that searches as often as it takes.
        timezone: Where the asker is, an IANA name such as Asia/Jakarta.
        source_preference: "all", or "only_papers", or "only_general" for no papers.
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


class CitedPaper(BaseModel):
    """A paper that an answer cites.

    Attributes:
        number: Its number in the answer, which cites it as [number].
        id: Its id in the catalogue.
        title: Its title.
        authors: Their names, in order.
        year: When it came out.
        url: Where it can be read; null where that is not known.
    """

    model_config = ConfigDict(from_attributes=True)

    number: int
    id: str
    title: str
    authors: list[str]
    year: int
    url: str | None


class ChatAnswer(BaseModel):
    """An answer.

    Attributes:
        answer: What is answered.
        sources: Ids of the papers that it cites.
        citations: Those papers, each with its number in the answer.
        conversation_id: Name it in the next question to go on.
        message_id: The stored answer; null where nothing was stored.
        search_query: The question made to stand alone.
    """

    answer: str
    sources: list[str]
    citations: list[CitedPaper]
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
