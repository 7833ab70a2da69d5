"""What a restore costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openta_memory import ConversationMemory, aio, store
from openta_memory.testing import turn

Build = Callable[..., ConversationMemory]


@pytest.mark.parametrize("call", ["window", "append"])
def test_a_restore_takes_three_round_trips_and_one_query(
    build: Build, raw: Any, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    # Given a conversation that only the archive has
    memory = build()
    memory.append("c", turn(1))
    memory.drain()
    raw.delete("conversation:c", "conversation:meta:c")
    tier = memory._flows.tier
    assert tier is not None
    counted = {"trips": 0, "queries": 0}
    send, asend, run = (
        store.RedisStore._exchange, aio.AsyncRedisStore._exchange, tier.archive._transactions.run
    )  # fmt: skip

    def sent(*args: Any) -> Any:
        counted["trips"] += 1
        return send(*args)

    async def asent(*args: Any) -> Any:
        counted["trips"] += 1
        return await asend(*args)

    async def ran(*args: Any, **given: Any) -> Any:
        counted["queries"] += 1
        return await run(*args, **given)

    monkeypatch.setattr(store.RedisStore, "_exchange", sent)
    monkeypatch.setattr(aio.AsyncRedisStore, "_exchange", asent)
    monkeypatch.setattr(tier.archive._transactions, "run", ran)
    # When it is asked for
    getattr(memory, call)("c", *([turn(2)] if call == "append" else []))
    # Then (a script that the server does not know yet is sent once more)
    assert counted["queries"] == 1
    assert counted["trips"] <= 4
    raw.delete("conversation:c", "conversation:meta:c")
    memory.drain()
    counted |= {"trips": 0, "queries": 0}
    raw.delete("conversation:c", "conversation:meta:c")
    getattr(memory, call)("c", *([turn(3)] if call == "append" else []))
    assert counted == {"trips": 3, "queries": 1}
