"""Records as they are stored, and the messages that they hold."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage

from openta_memory._records import Metadata, Window
from openta_memory.codec import Codec, Decoded
from openta_memory.errors import CorruptMessageError, MessageError, MessageTooLargeError
from openta_memory.keys import Keys
from openta_memory.window import first_of_cut

logger = logging.getLogger("openta_memory")


@dataclass(frozen=True, slots=True)
class Rows:
    """Encodes batches, decodes what is read, and cuts it to whole turns; see `Plans`."""

    codec: Codec
    keys: Keys
    max_message_bytes: int
    strict: bool

    def encode(self, session_id: str, messages: Sequence[BaseMessage], noise: bytes) -> list[bytes]:
        """Encode a batch; `noise` gives 16 bytes for the id of each message that has none."""
        now_ms = time.time_ns() // 1_000_000
        records = []
        for index, message in enumerate(messages):
            new_id = noise[16 * index : 16 * (index + 1)].hex()
            try:
                raw = self.codec.encode(session_id, message, new_id=new_id, now_ms=now_ms)
            except MessageError as error:
                raise type(error)(f"message {index} of the batch: {error}") from None
            if len(raw) > self.max_message_bytes:
                raise MessageTooLargeError(
                    f"message {index} of the batch is {len(raw)} bytes of JSON, at most "
                    f"{self.max_message_bytes} are taken: shorten it, or raise MAX_MESSAGE_BYTES"
                )
            records.append(raw)
        return records

    def decode(self, session_id: str, rows: Sequence[bytes | str]) -> tuple[list[Decoded], int]:
        """Decode rows; gives how many were left out, where they can be, too."""
        decode = self.codec.decode
        try:
            return [decode(session_id, row) for row in rows], 0
        except CorruptMessageError:
            return self._decode_each(session_id, rows)

    def _decode_each(
        self, session_id: str, rows: Sequence[bytes | str]
    ) -> tuple[list[Decoded], int]:
        key = self.keys.conversation(session_id)[0]
        decoded = []
        for index, row in enumerate(rows):
            try:
                decoded.append(self.codec.decode(session_id, row))
            except CorruptMessageError as error:
                sentence = f"{key} entry {index - len(rows)}: {error}"
                if self.strict:
                    raise CorruptMessageError(
                        f"{sentence}; it is left stored: mend or LREM it, or read with strict=False"
                    ) from None
                logger.error("[SESSION] Skipped an entry that can't be decoded: %s", sentence)
        return decoded, len(rows) - len(decoded)

    def cut(
        self, session_id: str, metadata: Metadata, rows: Sequence[bytes], limit: int | None
    ) -> Window:
        """Decode rows, of which there is one more than the limit where the limit cuts."""
        was_cut = limit is not None and len(rows) > limit
        decoded, skipped = self.decode(session_id, rows[1:] if was_cut else rows)
        messages = [message for message, _ in decoded]
        stored_ms = [at for _, at in decoded]
        first = first_of_cut(messages) if was_cut else 0
        return Window(messages[first:], stored_ms[first:], metadata, skipped)

    def whole_turns(self, session_id: str, records: Sequence[tuple[int, bytes]]) -> list[bytes]:
        """Cut the latest records of a conversation to whole turns, where they can be read."""
        rows = [raw for _, raw in records]
        if not rows or records[0][0] <= 1:
            return rows
        try:
            messages = [self.codec.decode(session_id, raw)[0] for raw in rows]
        except CorruptMessageError:
            return rows
        return rows[first_of_cut(messages) :]

    def archived(self, session_id: str, records: Sequence[tuple[int, bytes]]) -> Window:
        """Decode records of the archive, without more than they tell."""
        decoded, skipped = self.decode(session_id, [raw for _, raw in records])
        messages, stored_ms = [each for each, _ in decoded], [at for _, at in decoded]
        return Window(messages, stored_ms, None, skipped)

    def numbered(
        self, session_id: str, records: Sequence[tuple[int, bytes]]
    ) -> list[tuple[int, BaseMessage]]:
        """Decode records of the archive; what can't be decoded is raised, or left out."""
        found = []
        for number, raw in records:
            decoded, _ = self.decode(session_id, [raw])
            found += [(number, message) for message, _ in decoded]
        return found
