"""What is made to be slow, or to break a provider's rules, is neither."""

from __future__ import annotations

import time

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from openta_agents.followups import standalone
from openta_agents.prompts import in_turns


@pytest.mark.parametrize(
    "said",
    ["what is" + " " * 4000 + "x,y", "what is" + " a" * 2000 + ",", "\t \n" * 1300 + "what is x"],
    ids=["blanks", "words", "all kinds of blanks"],
)
def test_no_question_of_old_makes_the_next_one_slow(said: str) -> None:
    began = time.perf_counter()
    standalone("tell me more", [HumanMessage(said), AIMessage("an answer")] * 10)
    assert time.perf_counter() - began < 2


def test_a_model_is_told_turns_that_begin_with_a_person_and_alternate() -> None:
    # Given a window that begins inside a turn, and questions that a model failed on
    call = {"name": "search_papers", "args": {}, "id": "1"}
    given: list[BaseMessage] = [
        AIMessage("an answer whose question is cut"),
        HumanMessage("one"),
        HumanMessage("two"),
        AIMessage("", tool_calls=[call]),
        ToolMessage("found", tool_call_id="1"),
        AIMessage("an answer"),
        HumanMessage("three"),
        HumanMessage("four"),
    ]
    told = in_turns(given)
    assert [message.type for message in told] == ["human", "ai", "tool", "ai", "human"]
    assert told[0].text == "one\n\ntwo"
    assert told[-1].text == "three\n\nfour"
