"""Prints messages, a page at a time: memory doesn't grow with the conversation."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence

import orjson

from openta_memory.cli import output
from openta_memory.cli.places import opened_memory, opened_shelf
from openta_memory.cli.records import UNDECODABLE, JSONArray, record_of, records_of
from openta_memory.cli.shelf import Shelf
from openta_memory.keys import encode_id
from openta_memory.settings import MemorySettings


def print_held(settings: MemorySettings, conversation_id: str) -> bool:
    """Print what Redis holds of a conversation as a JSON array; says whether there is one."""
    with opened_memory(settings) as memory:
        window = memory.window(conversation_id)
    if window.metadata is None:
        return _missing(conversation_id)
    array = JSONArray()
    output.write(array.items(records_of(window, conversation_id)) + array.end())
    return True


async def print_archived(settings: MemorySettings, conversation_id: str) -> bool:
    """Print all of a conversation as a JSON array; says whether there is one."""
    async with opened_shelf(settings) as shelf:
        if not await shelf.has(conversation_id, None):
            return _missing(conversation_id)
        array = JSONArray()
        async for page in shelf.pages(conversation_id):
            output.write(array.items([record_of(raw) for _, raw in page]))
        output.write(array.end())
    return True


async def print_lines(
    settings: MemorySettings, conversation_ids: Sequence[str], owner: str | None
) -> bool:
    """Print one message a line.

    Args:
        settings: Where the archive is.
        conversation_ids: Which conversations; none stands for all.
        owner: Only conversations of theirs.

    Returns:
        Whether every conversation was there and every record could be read.
    """
    async with opened_shelf(settings) as shelf:
        total = None if conversation_ids else (await shelf.archive.counts(owner)).messages
        # Lines and a bar would get mixed up on one terminal.
        with output.progress("Exporting", total, quiet=sys.stdout.isatty()) as tell:
            export = _Export(shelf, tell)
            async for conversation_id in _chosen(shelf, conversation_ids, owner):
                await export.conversation(conversation_id, owner)
    return export.is_whole


class _Export:
    """Prints conversations, and keeps count.

    Args:
        shelf: The archive.
        tell: Is told how many messages were printed so far.
    """

    def __init__(self, shelf: Shelf, tell: Callable[[int], None]) -> None:
        self.is_whole = True
        self._shelf = shelf
        self._tell = tell
        self._printed = 0

    async def conversation(self, conversation_id: str, owner: str | None) -> None:
        """Print a conversation, or say that this owner has none of that id."""
        if not await self._shelf.has(conversation_id, owner):
            self.is_whole = _missing(conversation_id)
            return
        async for page in self._shelf.pages(conversation_id):
            output.write(b"".join(self._line(conversation_id, seq, raw) for seq, raw in page))
            self._printed += len(page)
            self._tell(self._printed)

    def _line(self, conversation_id: str, seq: int, raw: bytes) -> bytes:
        record = record_of(raw)
        if UNDECODABLE in record:
            self.is_whole = False
            output.complain(f"message {seq} of {encode_id(conversation_id)} can't be decoded")
        line = {"conversation_id": conversation_id, "seq": seq} | record
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


async def _chosen(
    shelf: Shelf, conversation_ids: Sequence[str], owner: str | None
) -> AsyncIterator[str]:
    if not conversation_ids:
        async for conversation_id in shelf.ids(owner):
            yield conversation_id
    for conversation_id in conversation_ids:
        yield conversation_id


def _missing(conversation_id: str) -> bool:
    output.complain(f"there is no conversation {encode_id(conversation_id)}")
    return False
