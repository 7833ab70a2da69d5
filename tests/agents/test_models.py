"""A chat model is built from its name, or refused with what is missing, before any question."""

from __future__ import annotations

import sys

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from support.openai_server import Fail, OpenAIServer, Say

from openta_agents import (
    AgentSettings,
    AgentSettingsError,
    MissingPackageError,
    OpenTAAgentError,
    build_model,
)
from openta_agents.models import can_call_tools, name_of

SECRET = "sk-very-secret"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def built(name: str, **args: object) -> BaseChatModel:
    model = build_model(AgentSettings.load(model=name, model_args=args))
    assert model
    return model


def refused(name: str, **args: object) -> str:
    with pytest.raises(OpenTAAgentError) as refusal:
        built(name, **args)
    message = str(refusal.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


def test_without_a_name_there_is_no_model() -> None:
    assert build_model(AgentSettings.load()) is None


def test_a_model_takes_its_arguments_its_patience_and_its_retries() -> None:
    """Given an endpoint and a key in the arguments, When asked, Then they are used."""
    with OpenAIServer([Say("Yes.")]) as server:
        args = {"base_url": server.url, "api_key": SECRET, "temperature": 0.25}
        settings = AgentSettings.load(
            model="openai:some-model", model_args=args, model_seconds=7, model_retries=5
        )
        model = build_model(settings)
        assert model
        assert isinstance(reply := model.invoke("Really?"), AIMessage)
        assert reply.text == "Yes."
        assert server.requests[0]["model"] == "some-model"
        assert server.requests[0]["temperature"] == 0.25
        assert server.keys == [f"Bearer {SECRET}"]
    assert (model.request_timeout, model.max_retries) == (7, 5)  # type: ignore[attr-defined]
    assert name_of(model) == "openai:some-model"
    assert can_call_tools(model)


def test_an_argument_goes_before_the_setting() -> None:
    model = built("openai:some-model", api_key=SECRET, timeout=3)
    assert model.request_timeout == 3  # type: ignore[attr-defined]


def test_a_key_shows_in_no_repr() -> None:
    settings = AgentSettings.load(model="openai:m", model_args={"api_key": SECRET})
    assert SECRET not in f"{settings!r} {build_model(settings)!r}"


def test_a_missing_key_is_named() -> None:
    with pytest.raises(AgentSettingsError, match="openai:some-model needs a key: set OPENAI_API_"):
        built("openai:some-model")


def test_a_provider_that_is_unknown_is_named_beside_those_that_are_known() -> None:
    message = refused("nosuch:model", api_key=SECRET)
    assert "'nosuch' is no known provider" in message
    assert "openai" in message


def test_a_missing_package_is_named_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    with pytest.raises(MissingPackageError, match=r"pip install langchain-anthropic$"):
        built("anthropic:some-model", api_key=SECRET)
    monkeypatch.setitem(sys.modules, "langchain_ollama", None)
    with pytest.raises(MissingPackageError, match=r"pip install langchain-ollama$"):
        built("ollama:some-model")


def test_a_wrong_argument_is_named_without_its_value() -> None:
    message = refused("openai:some-model", api_key=SECRET, temperature=f"warm {SECRET}")
    assert message.startswith("OPENTA_MODEL_ARGS: temperature: ")


def test_building_asks_the_provider_nothing() -> None:
    with OpenAIServer([Fail(500)]) as server:
        built("openai:some-model", base_url=server.url, api_key=SECRET)
        assert server.requests == []
