"""What a memory can do with an archive, beyond reading and writing through it."""

from __future__ import annotations

from typing import TypeVar

from langchain_core.messages import BaseMessage

from openta_memory._flows import Flows
from openta_memory._records import Health, Window
from openta_memory._steps import Flow

T = TypeVar("T")


class Archived:
    """The part of a memory that is about its archive; `ConversationMemory` is the whole."""

    _flows: Flows

    def _follow(self, flow: Flow[T]) -> T:
        raise NotImplementedError

    async def _afollow(self, flow: Flow[T]) -> T:
        raise NotImplementedError

    @property
    def database(self) -> str | None:
        """The archive's database without its password; None where there is no archive."""
        return self._flows.tier.archive.database if self._flows.tier else None

    @property
    def is_degraded(self) -> bool:
        """Whether Redis is away and the archive serves in its place."""
        return self._flows.tier is not None and self._flows.tier.is_redis_away

    def start(self) -> None:
        """Open the archive and begin to drain, where asked for; the first call does it else."""
        self._follow(self._flows.start())

    async def astart(self) -> None:
        """Open the archive and begin to drain; see `start`."""
        await self._afollow(self._flows.start())

    def health(self) -> Health:
        """Tell which of Redis and the archive can be used, and what waits; raises nothing."""
        return self._follow(self._flows.health())

    async def ahealth(self) -> Health:
        """Tell what can be used; see `health`."""
        return await self._afollow(self._flows.health())

    def ping_archive(self) -> None:
        """Raise an ArchiveError when there is an archive and it can't be used."""
        self._follow(self._flows.ping_archive())

    async def aping_archive(self) -> None:
        """Raise when the archive can't be used; see `ping_archive`."""
        await self._afollow(self._flows.ping_archive())

    def archived(
        self,
        session_id: str,
        *,
        before: int | None = None,
        limit: int = 50,
        owner: str | None = None,
    ) -> list[tuple[int, BaseMessage]]:
        """Page backwards through all that was ever said, past what Redis holds.

        Args:
            session_id: The conversation.
            before: Only messages of a lower number; None begins at the end.
            limit: How many messages at the most, 1 or more.
            owner: Whose it must be.

        Returns:
            Numbers, counted from 1, and messages, oldest first; empty past the beginning.

        Raises:
            SettingsError: When there is no archive.
            ArchiveError: When the database can't be used.
        """
        return self._follow(self._flows.archived(session_id, before, limit, owner))

    async def aarchived(
        self,
        session_id: str,
        *,
        before: int | None = None,
        limit: int = 50,
        owner: str | None = None,
    ) -> list[tuple[int, BaseMessage]]:
        """Page backwards through all that was ever said; see `archived`."""
        return await self._afollow(self._flows.archived(session_id, before, limit, owner))

    def archived_window(
        self,
        session_id: str,
        *,
        before: int | None = None,
        limit: int = 50,
        owner: str | None = None,
    ) -> Window:
        """Page as `archived` does, and tell when each message was stored; has no metadata."""
        flow = self._flows.archived_window(session_id, before, limit, owner)
        return self._follow(flow)

    async def aarchived_window(
        self,
        session_id: str,
        *,
        before: int | None = None,
        limit: int = 50,
        owner: str | None = None,
    ) -> Window:
        """Page as `archived` does; see `archived_window`."""
        flow = self._flows.archived_window(session_id, before, limit, owner)
        return await self._afollow(flow)

    def drain(self) -> int:
        """Archive what waits on the outbox now; tells how many entries that were.

        Raises:
            SettingsError: When there is no archive.
            ArchiveError: When the database can't be used; what waits goes on waiting.
        """
        return self._follow(self._flows.drain())

    async def adrain(self) -> int:
        """Archive what waits on the outbox now; see `drain`."""
        return await self._afollow(self._flows.drain())

    def clear_owner(self, owner: str) -> int:
        """Remove all conversations of an owner, from Redis and the archive; tells how many.

        Conversations that are begun meanwhile stay.

        Raises:
            StoreError: When Redis can't be used; what was removed until then is.
            ArchiveError: When the archive can't be asked which conversations it has.
        """
        return self._follow(self._flows.clear_owner(owner))

    async def aclear_owner(self, owner: str) -> int:
        """Remove all conversations of an owner; see `clear_owner`."""
        return await self._afollow(self._flows.clear_owner(owner))
