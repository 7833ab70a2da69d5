"""The archive as the commands read it: all of it, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from openta_memory.archive.entries import Conversation, Record

if TYPE_CHECKING:
    from openta_memory.archive import Archive

IDS_A_PAGE = 500
RECORDS_A_PAGE = 200


class Shelf:
    """Reads one archive.

    Args:
        archive: The archive, open.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    async def has(self, conversation_id: str, owner: str | None) -> bool:
        """Say whether there is a conversation, of this owner where one is named."""
        found = await self.archive.snapshot(conversation_id, 0)
        return found is not None and owner in (None, found.metadata.owner)

    async def listed(self, owner: str, limit: int | None) -> list[Conversation]:
        """Read an owner's conversations, the latest appended to first."""
        found: list[Conversation] = []
        while limit is None or len(found) < limit:
            page = await self.archive.conversations(
                owner, before=found[-1].cursor if found else None, limit=IDS_A_PAGE
            )
            if not page:
                break
            found += page
        return found[:limit]

    async def ids(
        self, owner: str | None = None, *, older_than_ms: int | None = None
    ) -> AsyncIterator[str]:
        """Read the ids of an owner's conversations, or of all."""
        after = None
        while page := await self.archive.ids(
            owner, older_than_ms=older_than_ms, after=after, limit=IDS_A_PAGE
        ):
            for conversation_id in page:
                yield conversation_id
            after = page[-1]

    def pages(self, conversation_id: str) -> AsyncIterator[list[Record]]:
        """Read a conversation from its first message on, a page at a time."""
        return self.archive.pages(conversation_id, RECORDS_A_PAGE)
