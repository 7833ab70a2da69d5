"""The application: built by a factory, with its memory open while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from openta_agents import Assistant
from openta_memory import ConversationMemory, MemorySettings
from openta_server import problems
from openta_server.routes import chat, health
from openta_server.settings import ServerSettings


def create_app(settings: MemorySettings | None = None) -> FastAPI:
    """Build the service; its memory opens when it starts and closes when it ends.

    Args:
        settings: Where and how conversations are kept; from the environment where not given.

    Raises:
        SettingsError: When a setting can't be used.
    """
    settings = settings or ServerSettings.load().with_archive()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        memory = ConversationMemory(settings=settings, strict=False)
        app.state.memory, app.state.assistant = memory, Assistant(memory)
        try:
            if not (await memory.ahealth()).can_serve:
                # Raises, and says what to do.
                await memory.aping()
            await memory.astart()
            yield
        finally:
            await memory.aclose()

    # The pages at /docs and /redoc would load scripts from elsewhere.
    app = FastAPI(title="OpenTA", lifespan=lifespan, docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(chat.router)
    app.include_router(health.router)
    return app
