"""Every operation of a memory, to be tried against each fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.redis_server import RedisServer
from support.turns import make_turn

StartRedis = Callable[..., RedisServer]

SECRET = "hunter2"
LIST, META = "conversation:c", "conversation:meta:c"
TURN = make_turn(0, 0)

OPERATIONS: list[tuple[str, tuple[Any, ...]]] = [
    ("append", ("c", TURN)),
    ("window", ("c",)),
    ("metadata", ("c",)),
    ("trim", ("c", 2)),
    ("clear", ("c",)),
]
each_operation = pytest.mark.parametrize(("method", "args"), OPERATIONS, ids=lambda v: str(v)[:8])


def dump(server: RedisServer) -> dict[bytes, bytes]:
    """Give every key with its value as Redis serializes it."""
    with server.client() as client:
        return {key: client.dump(key) for key in client.scan_iter()}
