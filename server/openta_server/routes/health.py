"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from fastapi import APIRouter

from openta_server.dependencies import Memory
from openta_server.schemas import Health

router = APIRouter(prefix="/health")


@router.get("/live")
async def live() -> Health:
    """Say that the process answers; nothing else is looked at."""
    return Health(status="live")


@router.get("/ready")
async def ready(memory: Memory) -> Health:
    """Say that conversations can be read and stored; a 503 problem where they can't."""
    await memory.aping()
    return Health(status="ready")
