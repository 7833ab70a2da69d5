"""The service's settings: the memory's, and where to listen."""

from __future__ import annotations

from pydantic import Field

from openta_memory import MemorySettings


class ServerSettings(MemorySettings):
    """Settings of the service, from the environment or a `.env` file; arguments go first.

    Build it with `ServerSettings.load(...)`, which names a wrong value in one line. It takes
    `OPENTA_HOST` and `OPENTA_PORT` by these names, the memory's settings in lower case.

    Attributes:
        host: OPENTA_HOST, the address to listen on.
        port: OPENTA_PORT, the port to listen on, 0 to 65535; 0 takes a free one.
    """

    host: str = Field(default="127.0.0.1", validation_alias="OPENTA_HOST")
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="OPENTA_PORT")
