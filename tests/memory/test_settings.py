"""Settings come from arguments, then the environment, then .env; wrong ones are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from openta_memory import (
    ConversationMemory,
    RedisChatMessageHistory,
    SessionManager,
    SettingsError,
)
from openta_memory.embedded import EmbeddedRedis
from openta_memory.settings import MemorySettings, without_password


def test_the_defaults_are_those_of_the_readme() -> None:
    settings = MemorySettings.load()
    assert settings.url is None
    assert settings.session_ttl == 3600
    assert settings.max_messages_per_session == 50
    assert settings.max_message_bytes == 262_144


def test_arguments_go_before_the_environment_before_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "SESSION_TTL=1\nMAX_MESSAGES_PER_SESSION=1\nMAX_MESSAGE_BYTES=1\nUNKNOWN=x\n"
    )
    monkeypatch.setenv("SESSION_TTL", "2")
    monkeypatch.setenv("MAX_MESSAGES_PER_SESSION", "2")
    settings = ConversationMemory.from_env(ttl=3).settings
    assert settings.session_ttl == 3
    assert settings.max_messages_per_session == 2
    assert settings.max_message_bytes == 1


def test_a_value_left_empty_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "")
    assert MemorySettings.load().url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SESSION_TTL", "abc"),
        ("SESSION_TTL", "-1"),
        ("MAX_MESSAGES_PER_SESSION", "-5"),
        ("MAX_MESSAGE_BYTES", "0"),
        ("REDIS_URL", "http://localhost"),
        ("REDIS_URL", "redis://localhost:port"),
        ("SESSION_TTL", "1000000000000000000"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        ConversationMemory.from_env()
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:hunter2/x@localhost:6379",
        "redis://:12/hunter2@127.0.0.1:1/0",
        "redis://:x#hunter2@localhost",
        "redis://:x?hunter2@localhost",
        "http://:hunter2@localhost",
    ],
)
def test_a_password_that_breaks_its_url_is_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="percent-encode") as caught:
        ConversationMemory(redis_url=url)
    assert "hunter2" not in str(caught.value)


def test_an_option_that_the_driver_lacks_is_an_error_at_once() -> None:
    with pytest.raises(SettingsError, match="REDIS_URL: has an option"):
        ConversationMemory(redis_url="redis://localhost?foo=bar")
    ConversationMemory(redis_url="redis://localhost?socket_timeout=3")


def test_clients_of_the_wrong_kind_are_an_error_at_once() -> None:
    redis = EmbeddedRedis()
    with pytest.raises(SettingsError, match=r"client= takes a redis\.Redis"):
        ConversationMemory(client=redis.async_client())
    with pytest.raises(SettingsError, match=r"async_client= a redis\.asyncio\.Redis"):
        ConversationMemory(async_client=redis.client())


def test_settings_in_two_ways_are_an_error() -> None:
    memory = ConversationMemory()
    with pytest.raises(SettingsError, match="not both"):
        ConversationMemory(settings=memory.settings, ttl=5)
    with pytest.raises(SettingsError, match="not both"):
        RedisChatMessageHistory("c", memory=memory, ttl=5)
    with pytest.raises(SettingsError, match="not both"):
        SessionManager(memory=memory, redis_url="redis://localhost")


def test_an_env_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"SESSION_TTL=\xff")
    with pytest.raises(SettingsError, match=r"\.env file is not UTF-8"):
        MemorySettings.load()


def test_a_wrong_argument_is_an_error_too() -> None:
    with pytest.raises(SettingsError, match="SESSION_TTL"):
        ConversationMemory(ttl=-1)


def test_two_different_passwords_are_an_error_that_tells_neither(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "s3cret-one")
    with pytest.raises(SettingsError) as caught:
        ConversationMemory(redis_url="redis://:s3cret-two@localhost")
    assert "REDIS_PASSWORD differs" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_password_stays_out_of_every_text_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "s3cret")
    settings = MemorySettings.load(redis_url="redis://user:s3cret@localhost:1")
    assert "s3cret" not in repr(settings) + str(settings) + settings.server


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:s3cret@localhost:6379", "redis://localhost:6379"),
        ("rediss://ann:s3cret@host:6380/1", "rediss://ann@host:6380/1"),
        ("redis://host?password=s3cret&db=1", "redis://host?db=1"),
        ("unix://ann:s3cret@/run/redis.sock", "unix://ann@/run/redis.sock"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown
