"""What the assistant hands back: the answer's message, with what it cites.

A whole reply has `answer` (the AIMessage), `messages` (what is stored: the answer, behind the tool
calls that led to it), `sources` (ids of the papers cited), `citations`, `search_query`, `follows`
(what of an earlier turn the question leaned on, or None) and `removed` (what was cited though it
was not given). A streamed one has the answer in chunks, and the rest in its last part.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.runnables.utils import AddableDict

from openta_agents.citations import Checked, Citation
from openta_agents.followups import Standalone

# What is kept beside an answer, in its message's additional_kwargs.
OURS = frozenset({"sources", "citations", "search_query", "model"})

logger = logging.getLogger("openta_agents")


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply in the making.

    Attributes:
        standalone: The question made to stand alone.
        model: Who answers; None: no model does.
        id: The id of the answer's message.
    """

    standalone: Standalone
    model: str | None
    id: str = field(default_factory=lambda: str(uuid4()))

    def part(self, text: str) -> AddableDict:
        """Give a part of a streamed reply."""
        # An answer that is given up in the middle is none: nothing of it is stored.
        return AddableDict(answer=AIMessageChunk(content=text, id=self.id), messages=[])

    def last(self, said: Checked, *, earlier: Sequence[BaseMessage] = ()) -> AddableDict:
        """Give the last part of a streamed reply, whose text was given before."""
        whole = self.whole(said, earlier=earlier)
        kept = whole["answer"].additional_kwargs
        answer = AIMessageChunk(content="", id=self.id, additional_kwargs=kept)
        return AddableDict({**whole, "answer": answer})

    def whole(self, said: Checked, *, earlier: Sequence[BaseMessage] = ()) -> AddableDict:
        """Give the whole reply.

        Args:
            said: The answer and what it cites.
            earlier: The tool calls and results that led to it, to be stored before it.
        """
        if said.removed:
            logger.info("Citations of papers not given were removed: %d", len(said.removed))
        cited = self._cited(said.citations)
        message = AIMessage(said.text, id=self.id, additional_kwargs={**cited, "model": self.model})
        return AddableDict(
            answer=message,
            messages=[*earlier, message],
            **cited,
            follows=self.standalone.follows,
            removed=list(said.removed),
        )

    def _cited(self, citations: Sequence[Citation]) -> dict[str, Any]:
        listed = [asdict(citation) for citation in citations]
        return {
            "sources": [citation.id for citation in citations],
            "citations": [{**one, "authors": list(one["authors"])} for one in listed],
            "search_query": self.standalone.query,
        }
