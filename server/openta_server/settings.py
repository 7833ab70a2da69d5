"""The service's settings: the memory's, and where to listen."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr

from openta_memory import MemorySettings


class ServerSettings(MemorySettings):
    """Settings of the service, from the environment or a `.env` file; arguments go first.

    Build it with `ServerSettings.load(...)`, which names a wrong value in one line. It takes
    `OPENTA_HOST` and `OPENTA_PORT` by these names, the memory's settings in lower case.

    Attributes:
        host: OPENTA_HOST, the address to listen on.
        port: OPENTA_PORT, the port to listen on, 0 to 65535; 0 takes a free one.
        data_dir: OPENTA_DATA_DIR, where the archive is while neither `DATABASE_URL` nor
            `REDIS_URL` is set: a SQLite file, so that conversations outlive the process.
    """

    host: str = Field(default="127.0.0.1", validation_alias="OPENTA_HOST")
    port: int = Field(default=8000, ge=0, le=65535, validation_alias="OPENTA_PORT")
    data_dir: Path = Field(default=Path("data"), validation_alias="OPENTA_DATA_DIR")

    def with_archive(self) -> Self:
        """Give the settings with the SQLite archive, where it is the default."""
        if self.database_url or self.redis_url:
            return self
        url = f"sqlite:///{(self.data_dir / 'openta.db').absolute()}"
        return self.model_copy(update={"database_url": SecretStr(url)})
