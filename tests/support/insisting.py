"""Processes that chat while servers come and go, and remember what they were told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

import pytest

from openta_memory import ArchiveError, ConversationMemory, StoreError
from support.outages import look_often
from support.turns import make_turn

# By conversation, how many of its turns were acknowledged.
Told = dict[str, int]

_AGAIN_SECONDS = 0.01


def chat_by_turns(
    memory: ConversationMemory, _: str, line: Connection, *, ids: Sequence[str], is_read: bool
) -> Told:
    """Append to conversations, one after the other, until told to stop; see `_turn`."""
    memory = _impatient(memory)
    told = dict.fromkeys(ids, 0)
    while not line.poll():
        for session_id in ids:
            while not _append(memory, session_id, told[session_id]):
                time.sleep(_AGAIN_SECONDS)
            told[session_id] += 1
            if is_read:
                _check(memory, session_id, told[session_id])
    memory.close()
    return told


def chat_at_once(
    memory: ConversationMemory, _: str, line: Connection, *, ids: Sequence[str]
) -> Told:
    """Append to conversations, all at once on one event loop, until told to stop."""
    memory = _impatient(memory)

    async def chat(session_id: str) -> int:
        number = 0
        while not line.poll():
            try:
                await memory.aappend(
                    session_id, make_turn(1, number), token=f"{session_id}-{number}"
                )
            except (StoreError, ArchiveError):
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                number += 1
        return number

    async def chat_all() -> list[int]:
        told = await asyncio.gather(*map(chat, ids))
        await memory.aclose()
        return told

    return dict(zip(ids, asyncio.run(chat_all()), strict=True))


def chat_and_die(memory: ConversationMemory, session_id: str, line: Connection) -> None:
    """Append turns, tell each that was acknowledged, and go on until killed."""
    memory = _impatient(memory)
    number = 0
    while True:
        if _append(memory, session_id, number):
            number += 1
            line.send(number)


def _append(memory: ConversationMemory, session_id: str, number: int) -> bool:
    try:
        memory.append(session_id, make_turn(1, number), token=f"{session_id}-{number}")
    except (StoreError, ArchiveError):
        return False
    return True


def _check(memory: ConversationMemory, session_id: str, told: int) -> None:
    """Check that what was acknowledged last is read last."""
    try:
        shown = [message.id for message in memory.window(session_id).messages]
    except (StoreError, ArchiveError):
        return
    expected = [message.id for number in range(told) for message in make_turn(1, number)]
    assert shown == expected[-len(shown) :], f"{told} told, {shown[-3:]} read"
    assert shown


def _impatient(memory: ConversationMemory) -> ConversationMemory:
    """Give a memory that looks for servers often; this process ends with it."""
    look_often(pytest.MonkeyPatch())
    return ConversationMemory(settings=memory.settings)
