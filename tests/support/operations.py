"""Every operation of a memory, to be tried against each fault."""

from __future__ import annotations

from typing import Any

import pytest

from support.turns import make_turn

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
