"""The assistant's settings, and the only reader of the environment in this package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from openta_agents.errors import AgentSettingsError


class HiddenArgs(dict[str, Any]):
    """Arguments that may hold a key: they are used as a dict and shown as asterisks."""

    def __repr__(self) -> str:
        return "HiddenArgs(**********)" if self else "HiddenArgs()"

    __str__ = __repr__


class AgentSettings(BaseSettings):
    """Settings of the assistant, from `OPENTA_*` in the environment or a `.env` file.

    Build it with `AgentSettings.load(...)`, which names a wrong value in one line.

    Attributes:
        catalogue: The papers, as JSON Lines; none means the sample.
        model: `provider:name` of a chat model; none means the extractive answerer.
        model_args: Handed on to the model: base_url, temperature, api_key and so on.
        model_seconds: Seconds a model may be silent before it is given up, retries included.
        model_retries: How often its client tries a failed call again.
        context_tokens: How many tokens of history a model is given, at most.
        embeddings: `provider:name` of an embedding model; none means BM25 alone.
        index_dir: The folder the index is saved in; none means only in memory.
        papers: How many papers an answer is made from.
    """

    model_config = SettingsConfigDict(
        env_prefix="OPENTA_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        protected_namespaces=(),
    )

    catalogue: Path | None = None
    model: str | None = None
    model_args: Annotated[dict[str, Any], NoDecode, AfterValidator(HiddenArgs)] = HiddenArgs()
    model_seconds: float = Field(default=60, gt=0, le=3600, allow_inf_nan=False)
    model_retries: int = Field(default=2, ge=0, le=20)
    context_tokens: int = Field(default=3000, ge=100, le=10_000_000)
    embeddings: str | None = None
    index_dir: Path | None = None
    papers: int = Field(default=4, ge=1, le=50)

    @classmethod
    def load(cls, **given: Any) -> Self:
        """Read the environment; what is given and not None wins over it.

        Raises:
            AgentSettingsError: When a value can't be used: one line that names it.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            raise AgentSettingsError(_one_line(error)) from None
        except UnicodeDecodeError:
            raise AgentSettingsError("the .env file is not UTF-8: save it so") from None

    @field_validator("model", "embeddings")
    @classmethod
    def _named(cls, name: str | None) -> str | None:
        provider, colon, model = (name or "").strip().partition(":")
        if name is not None and not (provider and colon and model):
            raise ValueError("is no model's name: write provider:name, such as openai:gpt-4o-mini")
        return name and name.strip()

    @field_validator("model_args", mode="before")
    @classmethod
    def _object(cls, args: Any) -> Any:
        if isinstance(args, str):
            try:
                args = json.loads(args)
            except (ValueError, RecursionError):
                args = None
        if not isinstance(args, dict):
            raise ValueError('is no JSON object: write {"name": value, ...}')  # noqa: TRY004
        return args

    @field_validator("catalogue", "index_dir")
    @classmethod
    def _expanded(cls, path: Path | None) -> Path | None:
        return path and path.expanduser()


def _one_line(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False)[0]
    name = f"OPENTA_{problem['loc'][0]}".upper() if problem["loc"] else "settings"
    return f"{name}: {str(problem['msg']).removeprefix('Value error, ')}"
