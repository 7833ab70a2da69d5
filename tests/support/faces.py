"""The memory's operations by name, called the same way over sync and async."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from openta_memory import ConversationMemory

Call = Callable[..., Any]


def call_sync(memory: ConversationMemory, method: str, *args: Any, **options: Any) -> Any:
    """Call a method of a memory."""
    return getattr(memory, method)(*args, **options)


def call_async(memory: ConversationMemory, method: str, *args: Any, **options: Any) -> Any:
    """Call the async method of that name, in a loop of its own."""

    async def once() -> Any:
        return await getattr(memory, f"a{method}")(*args, **options)

    return asyncio.run(once())


both = pytest.mark.parametrize("call", [call_sync, call_async], ids=["sync", "async"])
