"""The command `openta-server`."""

from __future__ import annotations

import logging.config
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from openta_agents import OpenTAAgentError
from openta_memory import ConversationMemory, OpenTAMemoryError, StoreError
from openta_server.app import create_app
from openta_server.settings import ServerSettings

logger = logging.getLogger("openta_server")


def main(argv: Sequence[str] | None = None) -> None:
    """Serve until interrupted.

    Ends with one line on stderr: exit code 2 for a setting, a catalogue or a chat model that
    can't be used, 1 for a Redis that can't be.
    """
    parser = _parser()
    given = parser.parse_args(argv)
    try:
        settings = ServerSettings.load(OPENTA_HOST=given.host, OPENTA_PORT=given.port)
        logging.config.dictConfig(_logging())
        settings = settings.with_archive()
        app = create_app(settings)
        _reach(settings)
    except (OpenTAMemoryError, OpenTAAgentError) as error:
        code = 1 if isinstance(error, StoreError) else 2
        parser.exit(code, f"{parser.prog}: {error}\n")
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("openta-server", description="Serve chat that remembers, over HTTP.")
    parser.add_argument("--host", help="address to listen on (OPENTA_HOST, 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (OPENTA_PORT, 8000)")
    return parser


def _reach(settings: ServerSettings) -> None:
    """Make sure that conversations can be kept, and say where they are.

    One of Redis and the archive may be away: a service that was restarted meanwhile goes on.
    """
    memory = ConversationMemory(settings=settings)
    try:
        health = memory.health()
        if not health.can_serve:
            memory.ping()
            memory.ping_archive()
        if memory.database:
            logger.info("[ARCHIVE] Conversations are archived in %s", memory.database)
        if memory.database and not (settings.auto_sync_to_db or health.archives_first):
            logger.warning(
                "[ARCHIVE] AUTO_SYNC_TO_DB is off: what is said waits in Redis until the service "
                "ends, or until openta-memory sync"
            )
        if health.is_degraded:
            logger.error("[ARCHIVE] Degraded: %s", _away(memory))
    finally:
        memory.close()


def _away(memory: ConversationMemory) -> str:
    try:
        memory.ping()
        memory.ping_archive()
    except OpenTAMemoryError as error:
        return str(error)
    return "what was away is back"


def _logging() -> dict[str, Any]:
    ours = {"handlers": ["default"], "level": "INFO", "propagate": False}
    named = dict.fromkeys(("openta_agents", "openta_memory", "openta_server"), ours)
    loggers = LOGGING_CONFIG["loggers"] | named
    return LOGGING_CONFIG | {"loggers": loggers}


if __name__ == "__main__":
    main()
