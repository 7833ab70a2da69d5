"""Chat models by name, ready before the first question or refused with what is missing."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr, ValidationError

from openta_agents.errors import AgentSettingsError, MissingPackageError
from openta_agents.settings import AgentSettings

_PIP_LINE = re.compile(r"pip install (?:-U )?([\w.\[\]-]+)")
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN)\b")
_SUPPORTED = re.compile(r"Supported model providers are: (.*)")


def build_model(settings: AgentSettings) -> BaseChatModel | None:
    """Build the chat model that the settings name; None where they name none.

    Nothing is sent to it yet. Its `name` is as the settings have it.

    Raises:
        AgentSettingsError: When the provider is unknown, its key is missing or an argument is
            wrong.
        MissingPackageError: When the provider's package is not installed.
    """
    if settings.model is None:
        return None
    limits = {"timeout": settings.model_seconds, "max_retries": settings.model_retries}
    args = dict(settings.model_args)
    try:
        model = _built(settings.model, limits | args)
    except (TypeError, ValidationError):
        # Not every provider takes these two.
        model = _or_refused(settings.model, args)
    except Exception as error:  # noqa: BLE001 - providers raise anything
        raise _refusal(settings.model, error) from None
    _check_key(settings.model, model)
    model.name = settings.model
    return model


def name_of(model: BaseChatModel) -> str:
    """Give the name that answers of this model are marked with."""
    if model.name:
        return model.name
    named = getattr(model, "model_name", None) or getattr(model, "model", None)
    kind = type(model).__name__
    return f"{kind}:{named}" if isinstance(named, str) else kind


def can_call_tools(model: BaseChatModel) -> bool:
    """Say whether a model's class knows how to offer it tools."""
    return type(model).bind_tools is not BaseChatModel.bind_tools


def _built(name: str, args: Mapping[str, Any]) -> BaseChatModel:
    # Here and not above, so that who needs no model doesn't wait for the import.
    from langchain.chat_models import init_chat_model  # noqa: PLC0415

    provider, _, model = name.partition(":")
    with warnings.catch_warnings():
        # For want of langchain-ollama, LangChain tries a package that warns of its own end.
        warnings.simplefilter("ignore", DeprecationWarning)
        built: BaseChatModel = init_chat_model(model, model_provider=provider, **args)
    return built


def _or_refused(name: str, args: Mapping[str, Any]) -> BaseChatModel:
    try:
        return _built(name, args)
    except Exception as error:  # noqa: BLE001 - providers raise anything
        raise _refusal(name, error) from None


def _refusal(name: str, error: Exception) -> Exception:
    """Say what to do, and nothing of the error's own text: it may hold a key."""
    provider = name.partition(":")[0]
    if isinstance(error, ImportError | AttributeError):
        return _missing_package(provider, error)
    if supported := _SUPPORTED.search(str(error)):
        return AgentSettingsError(
            f"OPENTA_MODEL: {provider!r} is no known provider: {supported[1].strip()}"
        )
    if variable := _VARIABLE.search(str(error)):
        return _missing_key(name, variable[0])
    return AgentSettingsError(f"OPENTA_MODEL_ARGS: {_wrong_argument(error)}")


def _missing_package(provider: str, error: Exception) -> MissingPackageError:
    named = _PIP_LINE.search(str(error))
    package = named[1] if named else f"langchain-{provider.replace('_', '-')}"
    return MissingPackageError(
        f"OPENTA_MODEL: {provider} needs a package that is not installed: pip install {package}"
    )


def _missing_key(name: str, variable: str) -> AgentSettingsError:
    return AgentSettingsError(f"OPENTA_MODEL: {name} needs a key: set {variable}")


def _wrong_argument(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"the model can't be built with them ({type(error).__name__}): correct them"
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['type']}: correct it"


def _check_key(name: str, model: BaseChatModel) -> None:
    """Refuse a model whose class would miss its key with the first question only."""
    variables = model.lc_secrets
    keys = {field: name for field, name in variables.items() if field.endswith("api_key")}
    held = [getattr(model, field, None) for field in variables]
    # Where there are other secrets, there are other ways to be known to the provider.
    if keys and len(keys) == len(variables) and not any(map(_is_set, held)):
        raise _missing_key(name, next(iter(keys.values())))


def _is_set(secret: object) -> bool:
    return bool(secret.get_secret_value() if isinstance(secret, SecretStr) else secret)
