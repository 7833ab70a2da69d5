"""Decisions that need no server: what a plan makes of replies that a race can give."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage

from openta_memory import OwnerError, StoreReplyError
from openta_memory._plans import Plans

ROW = b'{"v":1,"type":"human","id":"1","ts":1,"content":"of somebody else"}'
FOUND = [b"found", 1, b"ann", b"1", b"1", b"1", None, b"60", None]


def test_a_conversation_that_changed_hands_between_the_commands_is_not_shown() -> None:
    plan = Plans().window("c", owner="ann")
    with pytest.raises(OwnerError):
        plan.read([FOUND, [ROW], b"bob"])
    with pytest.raises(OwnerError):
        plan.read([FOUND, [ROW], None])
    assert len(plan.read([FOUND, [ROW], b"ann"]).messages) == 1


def test_a_conversation_that_began_between_the_commands_is_not_shown() -> None:
    window = Plans().window("c", owner="ann").read([[b"absent"], [ROW], b"bob"])
    assert (window.messages, window.metadata) == ([], None)


def test_a_reply_that_no_script_gives_is_an_error() -> None:
    with pytest.raises(StoreReplyError, match="no script of ours"):
        Plans().append("c", Plans().prepare("c", [HumanMessage("q")])).read([b"OK"])


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_an_error(limit: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Plans().window("c", limit=limit)
