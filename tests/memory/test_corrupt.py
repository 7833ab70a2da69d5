"""One entry that can't be read neither hides the rest nor goes unnoticed."""

from __future__ import annotations

from typing import Any

import pytest

from openta_memory import ConversationMemory, CorruptMessageError
from openta_memory.embedded import EmbeddedRedis
from openta_memory.testing import turn


@pytest.fixture
def client() -> Any:
    client = EmbeddedRedis().client()
    ConversationMemory(client=client).append("c", turn(1))
    client.rpush("conversation:c", b'{"v":1,"secret words')
    ConversationMemory(client=client).append("c", turn(2))
    return client


def test_strict_mode_raises_with_key_and_position(client: Any) -> None:
    memory = ConversationMemory(client=client)
    with pytest.raises(CorruptMessageError, match=r"conversation:c entry -3: is no JSON"):
        memory.window("c")


def test_lenient_mode_skips_logs_counts_and_leaves_it_stored(
    client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    memory = ConversationMemory(client=client, strict=False)
    window = memory.window("c")
    assert [message.text for message in window.messages] == [
        "question 1",
        "answer 1",
        "question 2",
        "answer 2",
    ]
    assert (window.skipped, memory.undecodable) == (1, 1)
    assert client.llen("conversation:c") == 5
    assert "conversation:c entry -3" in caplog.text
    assert "secret" not in caplog.text


def test_appending_and_clearing_do_not_need_to_read_it(client: Any) -> None:
    memory = ConversationMemory(client=client, max_messages=2)
    assert memory.append("c", turn(3)).length == 2
    assert memory.clear("c") is True


def test_records_of_langchains_own_form_are_read_among_ours() -> None:
    client = EmbeddedRedis().client()
    client.rpush(
        "conversation:c", b'{"type": "human", "data": {"content": "old", "type": "human"}}'
    )
    memory = ConversationMemory(client=client, max_messages=3)
    memory.append("c", turn(1))
    assert [message.text for message in memory.history("c").messages] == [
        "old",
        "question 1",
        "answer 1",
    ]
    assert memory.append("c", turn(2)).length == 2
