"""What is stored comes back equal, what can't be stored is refused, what can't be read is told."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolMessage,
    message_to_dict,
)

from openta_memory.codec import JSONCodec
from openta_memory.errors import CorruptMessageError, UnserializableMessageError
from openta_memory.testing import EVERY_FIELD

RELEASED = Path(__file__).parent / "released"
CODEC = JSONCodec()


def encode(message: BaseMessage) -> bytes:
    return CODEC.encode("c", message, new_id="new", now_ms=1_700_000_000_000)


def decode(raw: bytes | str) -> BaseMessage:
    return CODEC.decode("c", raw)[0]


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(text, json_values, max_size=3)


@given(
    content=text | st.lists(objects, max_size=2),
    kwargs=objects,
    metadata=objects,
    artifact=json_values,
)
def test_whatever_json_can_carry_comes_back_equal(
    content: Any, kwargs: dict[str, Any], metadata: dict[str, Any], artifact: Any
) -> None:
    message = ToolMessage(
        content=content,
        id="t",
        tool_call_id="1",
        additional_kwargs=kwargs,
        response_metadata=metadata,
        artifact=artifact,
    )
    read = decode(encode(message))
    assert read == message
    assert read.model_dump() == message.model_dump()


def test_a_read_message_is_as_alive_as_one_that_was_built() -> None:
    for message in EVERY_FIELD:
        read = decode(encode(message))
        assert read.model_copy(update={"name": "x"}).name == "x"
        assert read.text == message.text
        assert read.model_fields_set >= {"content", "id"}
        assert repr(read) == repr(message)
        read.additional_kwargs["mine"] = 1
        assert "mine" not in decode(encode(message)).additional_kwargs


def test_a_record_holds_only_what_differs_from_the_defaults() -> None:
    assert encode(HumanMessage("hi")) == (
        b'{"v":1,"type":"human","id":"new","ts":1700000000000,"content":"hi"}'
    )


def test_the_time_of_storing_is_read_back() -> None:
    _, stored_ms = CODEC.decode("c", encode(HumanMessage("hi")))
    assert stored_ms == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp() * 1000


def test_a_chunk_keeps_its_tool_calls_and_extra_fields() -> None:
    call = {"name": "f", "args": '{"a": 1}', "id": "1", "index": 0}
    chunk = AIMessageChunk(content="", id="r", tool_call_chunks=[call], mark="x")
    read = decode(encode(chunk))
    assert type(read) is AIMessage
    assert read.tool_calls == [{"name": "f", "args": {"a": 1}, "id": "1", "type": "tool_call"}]
    assert read.model_extra == {"mark": "x"}


def test_fields_named_like_ours_do_not_collide() -> None:
    message = HumanMessage("hi", id="1", v=7, ts="noon", extra={"a": 1})
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({1}, "an object of type set"),
        (float("nan"), "the number nan"),
        (float("-inf"), "the number -inf"),
        ("\ud800", "no valid Unicode"),
        ({1: "a"}, "a key that is no text (int)"),
        (2**70, "more than 64 bits"),
        (datetime.now(UTC), "an object of type datetime"),
        (b"raw", "an object of type bytes"),
    ],
)
def test_what_json_cannot_carry_is_refused_by_its_place(value: object, what: str) -> None:
    with pytest.raises(UnserializableMessageError) as caught:
        encode(HumanMessage("hi", additional_kwargs={"deep": [0, {"er": value}]}))
    assert what in str(caught.value)
    assert "additional_kwargs.deep[1].er" in str(caught.value)


def test_what_is_nested_too_deeply_or_in_a_circle_is_refused() -> None:
    circle: dict[str, Any] = {}
    circle["me"] = circle
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep]
    for value in (circle, deep):
        with pytest.raises(UnserializableMessageError, match="nested too deeply"):
            encode(HumanMessage("hi", additional_kwargs={"value": value}))


def test_a_time_that_is_no_number_is_unknown() -> None:
    assert CODEC.decode("c", b'{"v":1,"type":"human","content":"x","ts":"noon"}')[1] is None


def test_null_that_is_meant_is_no_lost_number() -> None:
    message = HumanMessage("null", id="1", additional_kwargs={"a": None})
    assert decode(encode(message)) == message


def test_a_message_class_nobody_knows_is_refused() -> None:
    class Shout(BaseMessage):
        type: str = "shout"

    with pytest.raises(UnserializableMessageError, match="'shout' is no message type"):
        encode(Shout(content="HEY"))


@pytest.mark.parametrize("message", [m for m in EVERY_FIELD if m.type != "remove"])
def test_langchains_own_records_are_read(message: BaseMessage) -> None:
    assert decode(json.dumps(message_to_dict(message))) == message


def test_a_chunk_in_langchains_form_is_read_as_a_message() -> None:
    raw = json.dumps(message_to_dict(AIMessageChunk(content="hi", id="1")))
    assert decode(raw) == AIMessage("hi", id="1")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[1]", "no message"),
        (b"7", "no message"),
        (b'{"v":2,"type":"human","content":"x"}', "no form that this release reads, 1"),
        (b'{"content":"x"}', "no form"),
        (b'{"v":1,"type":"alien","content":"x"}', "unknown type"),
        (b'{"v":1,"type":["human"],"content":"x"}', "no message"),
        (b'{"v":1,"type":"human"}', "lacks one of content"),
        (b'{"v":1,"type":"human","content":5}', "that no HumanMessage can have"),
        (b'{"v":1,"type":"tool","content":"x"}', "lacks one of content"),
        (b'{"v":1,"type":"human","content":"x","tool_calls":[]}', "that no HumanMessage can have"),
        (b'{"v":1,"type":"human","content":[1]}', "no HumanMessage can have"),
        (b'{"v":1,"type":"ai","content":"x","tool_calls":[1]}', "'tool_calls'"),
        (b'{"v":1,"type":"ai","content":"x","tool_calls":[{}]}', "'tool_calls'"),
        (b'{"type":"human","data":{}}', "LangChain's form"),
        (b'{"type":"alien","data":{"content":"x"}}', "LangChain's form"),
        (b'{"type":"human","data":[1]}', "LangChain's form"),
    ],
)
def test_what_cannot_be_read_says_why(raw: bytes, reason: str) -> None:
    with pytest.raises(CorruptMessageError, match=reason.replace("(", r"\(")):
        decode(raw)


@given(st.binary(max_size=60) | json_values.map(orjson.dumps))
def test_no_bytes_can_raise_anything_but_our_error(raw: bytes) -> None:
    with suppress(CorruptMessageError):
        decode(raw)


@pytest.mark.parametrize("path", sorted(RELEASED.glob("*.jsonl")), ids=lambda path: path.stem)
def test_what_a_release_wrote_stays_readable(path: Path) -> None:
    read = [decode(line) for line in path.read_bytes().splitlines()]
    assert read == list(EVERY_FIELD)


def test_every_form_that_is_written_is_kept_as_a_fixture() -> None:
    lines = (RELEASED / "form_1.jsonl").read_bytes().splitlines()
    assert [encode(message) for message in EVERY_FIELD] == lines
