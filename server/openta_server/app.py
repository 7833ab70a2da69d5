"""The application: built by a factory, with its memory open while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from openta_agents import AgentSettings, Assistant, build_model, build_retriever
from openta_memory import ConversationMemory, MemorySettings
from openta_server import problems
from openta_server.routes import chat, health
from openta_server.settings import ServerSettings


def create_app(
    settings: MemorySettings | None = None, agents: AgentSettings | None = None
) -> FastAPI:
    """Build the service; its memory opens when it starts and closes when it ends.

    Args:
        settings: Where and how conversations are kept; from the environment where not given.
        agents: What answers are made with; from the environment where not given.

    Raises:
        SettingsError: When a setting of the memory can't be used.
        AgentSettingsError: When a setting of the assistant can't be used.
        CatalogueError: When the papers can't be read.
        MissingPackageError: When the chat model's package is not installed.
    """
    settings = settings or ServerSettings.load().with_archive()
    agents = agents or AgentSettings.load()
    model, retriever = build_model(agents), build_retriever(agents)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        memory = ConversationMemory(settings=settings, strict=False)
        assistant = Assistant(memory, agents, model=model, retriever=retriever)
        app.state.memory, app.state.assistant = memory, assistant
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
