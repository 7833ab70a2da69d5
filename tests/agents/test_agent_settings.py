"""The assistant's settings: read in one place, refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from openta_agents.errors import AgentSettingsError
from openta_agents.settings import AgentSettings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_defaults_need_nothing() -> None:
    settings = AgentSettings.load()
    assert settings.catalogue is settings.model is settings.embeddings is settings.index_dir is None
    assert settings.model_args == {}
    assert (settings.model_seconds, settings.model_retries) == (60, 2)
    assert (settings.context_tokens, settings.papers) == (3000, 4)


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENTA_MODEL", "openai:gpt-4o-mini")
    monkeypatch.setenv("OPENTA_MODEL_ARGS", '{"base_url": "http://localhost:1", "temperature": 0}')
    monkeypatch.setenv("OPENTA_PAPERS", "7")
    settings = AgentSettings.load(papers=3)
    assert settings.model == "openai:gpt-4o-mini"
    assert settings.model_args["temperature"] == 0
    assert settings.papers == 3


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENTA_CONTEXT_TOKENS=500\n")
    assert AgentSettings.load().context_tokens == 500


def test_a_key_in_the_arguments_is_shown_nowhere() -> None:
    settings = AgentSettings.load(model_args={"api_key": "sk-secret"})
    assert dict(settings.model_args) == {"api_key": "sk-secret"}
    assert "secret" not in f"{settings!r} {settings} {settings.model_args} {settings.model_args!r}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENTA_MODEL", "gpt-4o"),
        ("OPENTA_MODEL", ":x"),
        ("OPENTA_EMBEDDINGS", "openai:"),
        ("OPENTA_MODEL_ARGS", "{api_key: sk-secret"),
        ("OPENTA_MODEL_ARGS", '["sk-secret"]'),
        ("OPENTA_MODEL_ARGS", "[" * 100_000),
        ("OPENTA_MODEL_SECONDS", "0"),
        ("OPENTA_MODEL_SECONDS", "inf"),
        ("OPENTA_MODEL_SECONDS", "soon"),
        ("OPENTA_MODEL_RETRIES", "-1"),
        ("OPENTA_CONTEXT_TOKENS", "3"),
        ("OPENTA_PAPERS", "0"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(AgentSettingsError) as refused:
        AgentSettings.load()
    said = str(refused.value)
    assert said.startswith(f"{name}: ")
    assert "\n" not in said
    assert "secret" not in said
    assert refused.value.__suppress_context__


def test_an_env_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"OPENTA_PAPERS=\xff\xfe\n")
    with pytest.raises(AgentSettingsError, match="UTF-8"):
        AgentSettings.load()
