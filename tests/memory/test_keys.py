"""Ids never break or share key names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openta_memory.errors import SessionIdError
from openta_memory.keys import Keys, encode_id

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def test_plain_ids_stand_as_they_are() -> None:
    assert Keys().conversation("conv_123") == (
        "conversation:conv_123",
        "conversation:meta:conv_123",
    )
    assert Keys().owner("u1", "conv_123") == "openta:owner:u1"
    assert Keys().outbox("conv_123") == "openta:outbox"


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        ("a:b", "a%3Ab"),
        ("{a}", "%7Ba%7D"),
        ("50%", "50%25"),
        ("a b\n", "a%20b%0A"),
        ("日本", "日本"),
    ],
)
def test_what_would_break_a_key_is_percent_encoded(odd: str, plain: str) -> None:
    assert encode_id(odd) == plain


@given(ids, ids)
def test_two_ids_never_share_a_key(one: str, other: str) -> None:
    keys = Keys()
    mine = {*keys.conversation(one)}
    assert not mine & {*keys.conversation(other)} or one == other
    assert len(mine) == 2


@given(ids, ids)
def test_on_a_cluster_all_keys_of_a_conversation_share_one_of_64_tags(one: str, owner: str) -> None:
    keys = Keys(cluster=True)
    names = (*keys.conversation(one), keys.owner(owner, one), keys.outbox(one))
    (tag,) = {name[name.index("{") : name.index("}") + 1] for name in names}
    assert tag in {f"{{b{bucket:02}}}" for bucket in range(64)}


def test_a_cluster_name_reads_as_documented() -> None:
    conversation, meta = Keys(cluster=True).conversation("conv_123")
    assert conversation.startswith("conversation:{b")
    assert conversation.endswith("}:conv_123")
    assert meta.startswith("conversation:meta:{b")


@pytest.mark.parametrize("wrong", ["", None, 7, b"bytes", "x" * 257, "é" * 129, "\ud800"])
def test_ids_that_cannot_be_used_are_refused(wrong: object) -> None:
    with pytest.raises(SessionIdError, match="conversation id"):
        encode_id(wrong)  # type: ignore[arg-type]


def test_an_id_of_256_bytes_is_taken() -> None:
    assert encode_id("x" * 256) == "x" * 256
