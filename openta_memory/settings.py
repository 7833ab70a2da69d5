"""The settings, and the only reader of the environment."""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis.connection import parse_url

from openta_memory.errors import SettingsError

# The longest time to live that is taken, in seconds: about 30 years.
MAX_TTL = 10**9

# How the clients that we build behave; a client that is handed in keeps its own ways.
POOL_SIZE = 50
SOCKET_SECONDS = 5.0
CONNECT_SECONDS = 2.0
RETRIES = 8  # the first after 2 ms, all within half a second


class MemorySettings(BaseSettings):
    """Settings of a memory, from the environment or a `.env` file; arguments go first.

    Build it with `MemorySettings.load(...)`, which names a wrong value in one line.

    Attributes:
        redis_url: `redis://`, `rediss://` or `unix://`; none means the embedded Redis.
        redis_username: Used where the URL names no user.
        redis_password: Used where the URL holds no password.
        session_ttl: Seconds a conversation is kept after its last read or write; 0 keeps it
            for ever.
        max_messages_per_session: How many messages a conversation holds; 0 sets no cap.
        max_message_bytes: How long one message's JSON may be, in bytes.
        database_url: `sqlite:///path` or `postgresql://...`: where the archive is; none means no
            archive.
        auto_sync_to_db: Archive by itself, every `sync_interval`.
        sync_interval: Seconds between two times; 300, and 0 with the embedded Redis. 0 archives
            each append before it is acknowledged.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    redis_url: SecretStr | None = None
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    session_ttl: int = Field(default=3600, ge=0, le=MAX_TTL)
    max_messages_per_session: int = Field(default=50, ge=0)
    max_message_bytes: int = Field(default=262_144, gt=0)
    database_url: SecretStr | None = None
    auto_sync_to_db: bool = False
    sync_interval: float | None = Field(default=None, ge=0, le=86_400)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment; what is given and not None wins over it.

        Raises:
            SettingsError: When a value can't be used: one line that names it.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise SettingsError(_one_line(error)) from None
        except UnicodeDecodeError:
            raise SettingsError("the .env file is not UTF-8: save it so") from None

    @field_validator("redis_url")
    @classmethod
    def _usable_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            try:
                _parts(url.get_secret_value())
            except ValueError:
                raise ValueError(_URL_FORM) from None
        return url

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        inside = _parts(self.url).get("password") if self.url else None
        if inside and self.redis_password and inside != self.redis_password.get_secret_value():
            raise ValueError("REDIS_PASSWORD differs from the password in REDIS_URL: set one")
        return self

    @property
    def url(self) -> str | None:
        """The Redis URL with all it holds, for the driver only."""
        return self.redis_url.get_secret_value() if self.redis_url else None

    @property
    def credentials(self) -> dict[str, str]:
        """Username and password as the driver takes them, for where the URL has none."""
        given = {
            "username": self.redis_username,
            "password": self.redis_password and self.redis_password.get_secret_value(),
        }
        return {name: value for name, value in given.items() if value}

    @property
    def server(self) -> str:
        """The server's URL without its password, to name it in logs and errors."""
        return without_password(self.url) if self.url else "embedded"


_URL_FORM = (
    "is no Redis URL: write redis://[[user]:password@]host[:port][/db], or rediss://, unix://; "
    "in a password, percent-encode / # ? @ and %"
)


def without_password(url: str) -> str:
    """Take the password out of a URL, wherever it stands."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name = user.partition(":")[0]
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "password"]
    return urlunsplit(
        parts._replace(netloc=name + (at if name else "") + host, query=urlencode(query))
    )


def _parts(url: str) -> dict[str, Any]:
    # A password that is not encoded can end the host's part early; nothing of it may be shown.
    scheme, _, rest = url.partition("://")
    before_query, _, query = rest.partition("?")
    path = "" if scheme == "unix" else before_query.partition("/")[2]
    if "#" in url or "@" in path + query:
        raise ValueError(_URL_FORM)
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call] # the driver's
    return options


def _one_line(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    name = str(problem["loc"][0]).upper() if problem["loc"] else ""
    reason = str(problem["msg"]).removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason
