"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from fastapi import APIRouter

from openta_memory import StoreUnavailableError
from openta_server.dependencies import Memory
from openta_server.schemas import Health, Readiness

router = APIRouter(prefix="/health")


@router.get("/live")
async def live() -> Health:
    """Say that the process answers; nothing else is looked at."""
    return Health(status="live")


@router.get("/ready")
async def ready(memory: Memory) -> Readiness:
    """Say that conversations can be read and stored; a 503 problem where they can't.

    While one of Redis and the archive is away, the other serves: then it is degraded.
    """
    found = await memory.ahealth()
    if not found.can_serve:
        raise StoreUnavailableError("neither Redis nor an archive can be used")
    return Readiness(
        status="degraded" if found.is_degraded else "ready",
        redis=found.redis,
        archive=found.archive,
        waiting=found.waiting,
    )
