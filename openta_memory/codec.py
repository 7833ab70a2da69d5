"""Messages as bytes and back: one JSON object each, every field kept, versioned.

Form 1 of a record, in this order (the scripts look at its first bytes)::

    {"v":1,"type":"ai","id":"...","ts":1700000000000,"content":"...", ...}

`ts` is the time it was encoded, in milliseconds since 1970. Behind `content` stand only the
fields that differ from the message class's defaults; fields that the class doesn't declare stand
in `extra`. Records in LangChain's own form, `{"type": ..., "data": {...}}`, are read too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, cast

import orjson
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    message_chunk_to_message,
    messages_from_dict,
)
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from openta_memory.errors import CorruptMessageError, UnserializableMessageError

VERSION = 1

# These are refused where orjson would turn them into text in silence. A UUID or enum member comes
# back as text, a tuple as a list: JSON has none.
_STRICT = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


# A message as it was read, and when it was stored: milliseconds since 1970, None where unknown.
Decoded = tuple[BaseMessage, int | None]


class Codec(Protocol):
    """How messages become bytes: two methods, so that a cipher can wrap another codec."""

    def encode(self, session_id: str, message: BaseMessage, *, new_id: str, now_ms: int) -> bytes:
        """Encode one message of a conversation.

        Args:
            session_id: The conversation it belongs to.
            message: Any LangChain message; a chunk is stored as the message it completes.
            new_id: The id it gets if it has none.
            now_ms: Milliseconds since 1970.

        Raises:
            UnserializableMessageError: When JSON can't carry one of its fields.
        """

    def decode(self, session_id: str, raw: bytes | str) -> Decoded:
        """Decode one record of a conversation: the message, and the milliseconds it was stored at.

        Raises:
            CorruptMessageError: When the record can't be understood.
        """


_JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "content": (str, list),
    "id": str,
    "name": str,
    "role": str,
    "status": str,
    "tool_call_id": str,
    "additional_kwargs": dict,
    "response_metadata": dict,
    "usage_metadata": dict,
    "tool_calls": list,
    "invalid_tool_calls": list,
}


_CALL_KEYS = {"name", "args", "id"}
_ALWAYS = ("type", "id", "content")


def checked_messages(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Give a batch as a list of messages.

    Raises:
        UnserializableMessageError: When it is no list, or holds something else.
    """
    if isinstance(messages, str) or not isinstance(messages, Sequence):
        raise UnserializableMessageError(
            f"a batch is a list of LangChain messages, this is a {type(messages).__name__}"
        )
    batch = list(messages)
    for index, message in enumerate(batch):
        if not isinstance(message, BaseMessage):
            raise UnserializableMessageError(
                f"message {index} of the batch is a {type(message).__name__}: "
                "pass LangChain messages, such as HumanMessage(...)"
            )
    return batch


class _Shape:
    """A message class's fields: which defaults it has, which types the JSON may hold."""

    def __init__(self, cls: type[BaseMessage]) -> None:
        fields = cls.model_fields
        self.cls = cls
        self.types = {name: _JSON_TYPES.get(name, object) for name in fields}
        self.required = {name for name, field in fields.items() if field.is_required()}
        # In the class's order; what is required or made anew for each message is filled in.
        self.layout = {
            name: None if field.default is PydanticUndefined else field.default
            for name, field in fields.items()
        }
        self.factories = [
            (name, cast("Callable[[], Any]", field.default_factory))
            for name, field in fields.items()
            if field.default_factory is not None
        ]
        defaults = self.layout | {name: make() for name, make in self.factories}
        self.optional = [item for item in defaults.items() if item[0] not in _ALWAYS]


_CLASSES: tuple[type[BaseMessage], ...] = (
    HumanMessage,
    AIMessage,
    SystemMessage,
    ToolMessage,
    FunctionMessage,
    ChatMessage,
    RemoveMessage,
)
_SHAPES = {str(cls.model_fields["type"].default): _Shape(cls) for cls in _CLASSES}


# The slots in which pydantic keeps what a model is made of.
_NEW = object.__new__
_SET_ATTRIBUTE = object.__setattr__
_SET_GIVEN = BaseModel.__dict__["__pydantic_fields_set__"].__set__
_SET_EXTRA = BaseModel.__dict__["__pydantic_extra__"].__set__
_SET_PRIVATE = BaseModel.__dict__["__pydantic_private__"].__set__


class JSONCodec:
    """The plain codec: form 1 written, form 1 and LangChain's own form read."""

    def encode(self, session_id: str, message: BaseMessage, *, new_id: str, now_ms: int) -> bytes:  # noqa: ARG002 - a cipher needs the conversation
        """Encode one message; see `Codec`."""
        record = _record(message, new_id, now_ms)
        try:
            raw = orjson.dumps(record, option=_STRICT)
        except (TypeError, ValueError):
            raise _refusal(*_first_offender(record)) from None
        # JSON has no NaN: orjson writes null, which is then looked for.
        if b"null" in raw and (offender := next(_offenders(record, ""), None)):
            raise _refusal(*offender)
        return raw

    def decode(self, session_id: str, raw: bytes | str) -> Decoded:  # noqa: ARG002 - a cipher needs the conversation
        """Decode one record; see `Codec`."""
        try:
            record = orjson.loads(raw)
            if record.pop("v", None) == VERSION:
                return _from_record(record)
        except orjson.JSONDecodeError as error:
            raise CorruptMessageError(f"is no JSON ({error})") from None
        except (AttributeError, TypeError):
            raise CorruptMessageError("is JSON, but no message") from None
        if "data" in record:
            return _from_langchain(record)
        raise CorruptMessageError(f"is of no form that this release reads, {VERSION}: upgrade it")


def _record(message: BaseMessage, new_id: str, now_ms: int) -> dict[str, Any]:
    whole = message_chunk_to_message(message)
    shape = _SHAPES.get(whole.type)
    if shape is None or not isinstance(whole, shape.cls):
        raise UnserializableMessageError(
            f"type {whole.type!r} is no message type that can be stored: "
            f"use one of {', '.join(_SHAPES)}"
        )
    fields = whole.__dict__
    record = {"v": VERSION, "type": whole.type, "id": whole.id or new_id, "ts": now_ms}
    record["content"] = fields["content"]
    for name, default in shape.optional:
        value = fields[name]
        if value is not None and value != default:
            record[name] = value
    extra = message.__pydantic_extra__ or {}
    if len(fields) > len(shape.layout):
        # A subclass's own fields; the class that comes back takes them as extra ones.
        extra = {name: fields[name] for name in fields.keys() - shape.layout.keys()} | extra
    if extra:
        record["extra"] = extra
    return record


def _from_record(record: dict[str, Any]) -> Decoded:
    shape = _SHAPES.get(record.pop("type", None))
    if shape is None:
        raise CorruptMessageError(f"has an unknown type: this release reads {', '.join(_SHAPES)}")
    stored_ms = record.pop("ts", None)
    extra = record.pop("extra", None)
    types = shape.types
    for name, value in record.items():
        if name not in types or not isinstance(value, types[name]) or not _is_whole(name, value):
            raise CorruptMessageError(f"has a {name!r:.40} that no {shape.cls.__name__} can have")
    given = set(record)
    if not shape.required <= given:
        raise CorruptMessageError(f"lacks one of {', '.join(sorted(shape.required))}")
    for name, make in shape.factories:
        if name not in given:
            record[name] = make()
    # Checked above, so the message is laid out as pydantic does it: to validate 50 messages
    # would cost more than the round trip that fetched them.
    message = _NEW(shape.cls)
    _SET_ATTRIBUTE(message, "__dict__", shape.layout | record)
    _SET_GIVEN(message, given)
    _SET_EXTRA(message, extra if isinstance(extra, dict) else {})
    _SET_PRIVATE(message, None)
    return message, stored_ms if isinstance(stored_ms, int) else None


def _is_whole(name: str, value: Any) -> bool:
    """Say whether a list holds what its field's users take for granted."""
    if not value or type(value) is not list:
        return True
    if name in ("tool_calls", "invalid_tool_calls"):
        return all(isinstance(call, dict) and call.keys() >= _CALL_KEYS for call in value)
    return name != "content" or all(isinstance(block, str | dict) for block in value)


def _from_langchain(record: dict[str, Any]) -> Decoded:
    try:
        (message,) = messages_from_dict([record])
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CorruptMessageError(f"is no message of LangChain's form ({reason})") from None
    return message_chunk_to_message(message), None


def _first_offender(record: dict[str, Any]) -> tuple[str, str]:
    try:
        return next(_offenders(record, ""))
    except (RecursionError, StopIteration):
        return "the message", "values nested too deeply, or in a circle"


def _offenders(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Find what JSON can't carry, as (where, what)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _offenders(inner, f"{path}.{key}".lstrip("."))
            else:
                yield path, f"a key that is no text ({type(key).__name__})"
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _offenders(inner, f"{path}[{index}]")
    elif what := _offence(value):
        yield path, what


def _offence(value: object) -> str | None:
    if isinstance(value, str):
        surrogate = any("\ud800" <= char <= "\udfff" for char in value)
        return "text that is no valid Unicode" if surrogate else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"the number {value}"
    if isinstance(value, int):
        return None if -(2**63) <= value < 2**64 else "an integer of more than 64 bits"
    return None if value is None else f"an object of type {type(value).__name__}"


def _refusal(where: str, what: str) -> UnserializableMessageError:
    return UnserializableMessageError(
        f"{where} holds {what}, which JSON can't carry: convert it or leave it out"
    )
