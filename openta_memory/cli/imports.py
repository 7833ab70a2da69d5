"""Brings over what langchain-community's `RedisChatMessageHistory` left in Redis.

It keeps a conversation as one list under `message_store:<session id>`, the newest message at the
head, each in LangChain's own JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from langchain_core.messages import BaseMessage

from openta_memory.cli.server import Server
from openta_memory.codec import JSONCodec
from openta_memory.errors import CorruptMessageError, MessageError, SessionIdError
from openta_memory.memory import ConversationMemory

IMPORTED, SKIPPED, FAILED, PLANNED = "imported", "skipped", "failed", "would be imported"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one old conversation.

    Attributes:
        conversation_id: Its id, the same in both.
        messages: How many messages it had.
        outcome: What was done with it.
        reason: Why it was not imported, or not whole.
        cut: The cap left out its first messages, and there is no archive to keep them.
    """

    conversation_id: str
    messages: int
    outcome: str
    reason: str | None = None
    cut: bool = False


def import_histories(
    memory: ConversationMemory, server: Server, keys: list[bytes], *, prefix: str, dry: bool
) -> Iterator[Outcome]:
    """Import each old conversation whole or not at all; one that holds messages is left alone.

    Args:
        memory: Where to.
        server: Where the old ones are.
        keys: Their keys.
        prefix: What stands before the id in a key.
        dry: Only say what would be done.

    Raises:
        StoreError: When Redis can't be used.
        ArchiveError: When the archive can't be used.
    """
    for key in keys:
        conversation_id = key.removeprefix(prefix.encode()).decode(errors="backslashreplace")
        raws = server.oldest_first(key)
        try:
            yield _import(memory, conversation_id, raws, dry=dry)
        except (MessageError, SessionIdError) as error:
            yield Outcome(conversation_id, len(raws), FAILED, str(error))


def _import(
    memory: ConversationMemory, conversation_id: str, raws: list[bytes], *, dry: bool
) -> Outcome:
    held = memory.metadata(conversation_id)
    if held is not None and held.seq > 0:
        return Outcome(conversation_id, len(raws), SKIPPED, "it already holds messages")
    messages = [_decoded(conversation_id, raw, index) for index, raw in enumerate(raws)]
    if dry:
        return Outcome(conversation_id, len(raws), PLANNED)
    # One append, so that an import that dies leaves no half conversation that is skipped later;
    # the token keeps out a second import that runs at the same time.
    token = "import " + blake2b(conversation_id.encode(), digest_size=16).hexdigest()
    appended = memory.append(conversation_id, messages, token=token)
    if appended.length < len(raws) and not memory.settings.database_url:
        reason = f"only its last {appended.length} messages are kept"
        return Outcome(conversation_id, len(raws), IMPORTED, reason, cut=True)
    return Outcome(conversation_id, len(raws), IMPORTED)


def _decoded(conversation_id: str, raw: bytes, index: int) -> BaseMessage:
    try:
        return JSONCodec().decode(conversation_id, raw)[0]
    except CorruptMessageError as error:
        raise CorruptMessageError(f"message {index + 1}: {error}") from None
