"""Every decision the store can take without a server.

A plan says what to send and how to read what comes back; `RedisStore` and `AsyncRedisStore` only
send it. A plan's commands travel together, in one round trip. Only a script is atomic: a read is a
script and an LRANGE behind it, not a transaction, which a full Redis would refuse.
"""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from langchain_core.messages import BaseMessage

from openta_memory._commands import Command, Plan
from openta_memory._records import Appended, Metadata, Prepared, Trimmed, Window
from openta_memory._rows import Rows
from openta_memory._spelling import counted, milliseconds, moment, named, short, text
from openta_memory.codec import Codec, JSONCodec, checked_messages
from openta_memory.errors import (
    CorruptMessageError,
    OwnerError,
    StoreReplyError,
)
from openta_memory.keys import Keys, encode_id
from openta_memory.scripts import load
from openta_memory.settings import MAX_TTL

logger = logging.getLogger("openta_memory")


# What is known of a conversation that Redis may have lost: nothing yet; what the archive had was
# put back; the archive gave no answer; it was there, and was lost in the midst of this append.
Asked = Literal["on", "asked", "away", "again"]


@dataclass(frozen=True, slots=True)
class Plans:
    """Builds the plans of one memory.

    Args:
        ttl: Seconds a conversation is kept after its last read or write; 0 for ever.
        max_messages: The cap, in messages; 0 sets none.
        max_message_bytes: The longest record that is taken, in bytes.
        strict: Raise on an entry that can't be decoded; otherwise skip, log and count it.
        archived: Put changes on the outbox, and say when Redis lost a conversation.
        keys: How keys are named.
        codec: How messages become bytes.
    """

    ttl: int = 3600
    max_messages: int = 50
    max_message_bytes: int = 262_144
    strict: bool = True
    archived: bool = False
    keys: Keys = field(default_factory=Keys)
    codec: Codec = field(default_factory=JSONCodec)

    @property
    def rows(self) -> Rows:
        """How messages become records and back."""
        return Rows(self.codec, self.keys, self.max_message_bytes, self.strict)

    def prepare(
        self, session_id: str, messages: Sequence[BaseMessage], token: str | None = None
    ) -> Prepared:
        """Encode a batch once, so that whatever way it is tried again, it is known to be the same.

        Raises:
            MessageError: When a message can't be stored; then none of the batch is.
        """
        batch = checked_messages(messages)
        noise = os.urandom(6 + 16 * len(batch))
        records = self.rows.encode(session_id, batch, noise[6:])
        return Prepared(b64encode(noise[:6]) if token is None else short(token), tuple(records))

    def append(
        self,
        session_id: str,
        batch: Prepared,
        *,
        owner: str | None = None,
        archive: Asked = "on",
    ) -> Plan[Appended]:
        """Store a batch as one block; the same token twice stores it once.

        With an archive, the answer is cold where Redis lost the conversation, unless the archive
        was asked for it, or is away.
        """
        words = (
            self.ttl,
            self.max_messages,
            named(owner),
            batch.token,
            session_id,
            archive if self.archived else "off",
            *batch.records,
        )
        command = Command(words, load("append"), self._keys(session_id, owner, changes=True))
        return Plan((command,), lambda replies: self._appended(session_id, replies[0]))

    def window(
        self,
        session_id: str,
        *,
        limit: int | None = None,
        owner: str | None = None,
        name: bytes = b"",
    ) -> Plan[Window]:
        """Read the last messages (all without a limit) and renew the time to live.

        What a limit cuts begins at a turn again. Where Redis lost the conversation, it can be
        restored by whoever read under this name.

        Raises:
            ValueError: When the limit is less than 1.
        """
        if limit is not None:
            counted(limit, 1, "limit")
        look = self._look(session_id, owner, name)
        # One more than asked for tells whether the limit cut a turn.
        fetch = Command(("LRANGE", look.keys[0], -limit - 1 if limit else 0, -1))
        commands: tuple[Command, ...] = (look, fetch)
        if owner is not None:
            # Whose the conversation was before and after the messages were fetched, it was then.
            commands += (Command(("HGET", look.keys[1], "owner")),)
        return Plan(commands, lambda replies: self._window(session_id, replies, limit, owner))

    def window_then_append(
        self,
        session_id: str,
        batch: Prepared,
        *,
        owner: str | None = None,
        archive: Asked = "on",
    ) -> Plan[tuple[Window, Appended]]:
        """Read the conversation, then store a batch behind what was read."""
        append = self.append(session_id, batch, owner=owner, archive=archive)
        both = self.window(session_id, owner=owner, name=batch.token).and_then(append)

        def read(replies: list[Any]) -> tuple[Window, Appended]:
            try:
                return _before(*both.read(replies), len(batch.records))
            except CorruptMessageError as error:
                raise CorruptMessageError(f"{error}. The new messages were stored.") from None

        return Plan(both.commands, read)

    def metadata(
        self,
        session_id: str,
        *,
        owner: str | None = None,
        own_ttl: int | None = None,
        name: bytes = b"",
    ) -> Plan[Metadata | None]:
        """Look a conversation up, and renew its time to live, or give it one of its own."""
        if own_ttl is not None:
            counted(own_ttl, 0, "a time to live", most=MAX_TTL)
        look = self._look(session_id, owner, name, own_ttl)
        return Plan((look,), lambda replies: self._metadata(session_id, replies[0]))

    def trim(self, session_id: str, keep: int, *, owner: str | None = None) -> Plan[Trimmed]:
        """Keep the last messages only, in whole turns.

        Raises:
            ValueError: When `keep` is less than 1; `clear` removes all.
        """
        counted(keep, 1, "keep")
        keys = self.keys.conversation(session_id)
        command = Command((self.ttl, named(owner), keep), load("trim"), keys)
        return Plan((command,), lambda replies: self._trimmed(session_id, replies[0]))

    def clear(self, session_id: str, *, owner: str | None = None, token: str = "") -> Plan[bool]:
        """Remove a conversation; says whether there was one.

        The token tells the archive that it did this already, when Redis gets to it late.
        """
        words = (named(owner), session_id, self._archive(), token)
        command = Command(words, load("clear"), self._keys(session_id, owner, changes=True))
        return Plan((command,), lambda replies: self._cleared(session_id, replies[0]))

    def restore(
        self,
        session_id: str,
        records: Sequence[bytes],
        metadata: Metadata,
        name: bytes,
        done: int | None = None,
    ) -> Plan[Appended]:
        """Put back a conversation that Redis no longer has; what it has by now stays.

        Nothing is put back either when that was done, or undone, since it was asked for.

        Args:
            session_id: The conversation.
            records: Its latest records as they were encoded, cut to whole turns.
            metadata: Its owner, seq, times and title.
            name: What it was read, or to be appended to, under before the archive was asked.
            done: The seq of that append, where the archive has it already.
        """
        words = (
            self.ttl,
            metadata.owner or "",
            metadata.seq,
            milliseconds(metadata.created_at),
            milliseconds(metadata.updated_at),
            metadata.title or "",
            name,
            "" if done is None else done,
            *records,
        )
        keys = (*self.keys.conversation(session_id), self.keys.asked(session_id))
        command = Command(words, load("restore"), keys)
        return Plan((command,), lambda replies: self._appended(session_id, replies[0]))

    def archived_window(
        self,
        session_id: str,
        metadata: Metadata | None,
        records: Sequence[tuple[int, bytes]],
        *,
        limit: int | None = None,
        owner: str | None = None,
    ) -> Window:
        """Give what Redis would, from the latest records of the archive, at most the cap.

        Raises:
            OwnerError: When it is not this owner's.
        """
        if limit is not None:
            counted(limit, 1, "limit")
        named(owner)
        if metadata is None:
            return Window([], [], None)
        if owner is not None and metadata.owner != owner:
            raise _refusal(session_id)
        rows = self.rows.whole_turns(session_id, records)
        metadata = replace(metadata, length=len(rows), ttl=self.ttl)
        return self.rows.cut(session_id, metadata, rows[-limit - 1 if limit else 0 :], limit)

    def reaching_back(
        self, session_id: str, metadata: Metadata, records: Sequence[tuple[int, bytes]]
    ) -> Window:
        """Give more than Redis holds, from the archive's latest records, and nothing trimmed."""
        kept = [record for record in records if record[0] > metadata.trimmed]
        return self.rows.cut(session_id, metadata, self.rows.whole_turns(session_id, kept), None)

    def _archive(self) -> str:
        return "on" if self.archived else "off"

    def _keys(self, session_id: str, owner: str | None, *, changes: bool) -> tuple[str, ...]:
        keys: tuple[str, ...] = self.keys.conversation(session_id)
        if owner is not None:
            keys += (self.keys.owner(owner, session_id),)
        if self.archived:
            keys += (self.keys.asked(session_id),)
        return (*keys, self.keys.outbox(session_id)) if self.archived and changes else keys

    def _look(
        self, session_id: str, owner: str | None, name: bytes, own_ttl: int | None = None
    ) -> Command:
        own = "" if own_ttl is None else own_ttl
        words = (self.ttl, named(owner), own, self._archive(), name)
        return Command(words, load("window"), self._keys(session_id, owner, changes=False))

    def _appended(self, session_id: str, reply: list[Any]) -> Appended:
        status, seq, length, *new = _checked(session_id, reply)
        return Appended(
            seq,
            length,
            created=new[:1] == [1],
            repeated=status in ("seen", "present"),
            cold=status in ("cold", "stale"),
            entry=text(new[1]) if len(new) > 1 else None,
        )

    def _window(
        self, session_id: str, replies: list[Any], limit: int | None, owner: str | None
    ) -> Window:
        look, rows, *owners = replies
        metadata = self._metadata(session_id, look)
        if metadata is None:
            return Window([], [], None)
        if owners and text(owners[0]) != owner:
            raise _refusal(session_id)
        return self.rows.cut(session_id, metadata, rows, limit)

    def _metadata(self, session_id: str, reply: list[Any]) -> Metadata | None:
        status, *fields = _checked(session_id, reply)
        if status == "absent":
            return None
        length, owner, seq, created, updated, title, ttl, trimmed = fields
        try:
            return Metadata(
                session_id=session_id,
                owner=text(owner),
                seq=int(seq) if seq else length,
                length=length,
                created_at=moment(created),
                updated_at=moment(updated),
                title=text(title),
                ttl=int(ttl),
                trimmed=int(trimmed or 0),
            )
        except (ValueError, OverflowError, OSError):
            key = self.keys.conversation(session_id)[1]
            raise CorruptMessageError(f"{key} holds no numbers where it must: mend it") from None

    def _trimmed(self, session_id: str, reply: list[Any]) -> Trimmed:
        _, removed, length = _checked(session_id, reply)
        return Trimmed(removed, length)

    def _cleared(self, session_id: str, reply: list[Any]) -> bool:
        _, removed = _checked(session_id, reply)
        return bool(removed)


def _checked(session_id: str, reply: list[Any]) -> list[Any]:
    if not isinstance(reply, list) or not reply:
        raise StoreReplyError(f"Redis gave a reply that no script of ours gives: {reply!r:.80}")
    status = text(reply[0])
    if status == "refused":
        raise _refusal(session_id)
    return [status, *reply[1:]]


def _refusal(session_id: str) -> OwnerError:
    return OwnerError(f"there is no conversation {encode_id(session_id)} of this owner")


def _before(window: Window, appended: Appended, count: int) -> tuple[Window, Appended]:
    """Take out of what was read a batch that an append before, whose reply was lost, had stored."""
    if not (appended.repeated and window.metadata and count):
        return window, appended
    end = len(window.messages) - max(0, window.metadata.seq - appended.seq)
    batch = slice(max(0, end - count), end)
    messages, stored_ms = list(window.messages), list(window.stored_ms)
    del messages[batch], stored_ms[batch]
    return replace(window, messages=messages, stored_ms=stored_ms), appended
