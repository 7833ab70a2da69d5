"""`python -m openta_server`, as people run it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.redis_server import RedisServer

from openta_server.__main__ import main

TOPIC = "What is machine learning?"
FOLLOW_UP = "Can you give me an example?"

Serve = Callable[..., Any]


def end_of_start(*arguments: str) -> tuple[int, list[str]]:
    """Start a service that can't; give its exit code and its lines on stderr."""
    command = [sys.executable, "-W", "error", "-m", "openta_server", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return ended.returncode, ended.stderr.splitlines()


def test_with_the_defaults_the_second_answer_uses_the_first(
    serve: Serve,
) -> None:
    service = serve()
    first = service.ask(TOPIC, conversation_id="conv_1")
    second = service.ask(FOLLOW_UP, conversation_id="conv_1")
    assert first.status_code == second.status_code == 200
    assert second.json()["answer"].startswith("Following up on machine learning")
    assert service.output.count("No REDIS_URL: an embedded Redis") == 1
    service.stop()
    assert "Application shutdown complete" in service.output
    assert "Traceback" not in service.output


def test_on_a_real_redis_a_conversation_is_two_keys_that_expire_together(
    serve: Serve, redis_server: RedisServer
) -> None:
    service = serve(REDIS_URL=redis_server.url, SESSION_TTL="3600", MAX_MESSAGES_PER_SESSION="50")
    service.ask(TOPIC, conversation_id="conv_1")
    second = service.ask(FOLLOW_UP, conversation_id="conv_1")
    with redis_server.client(decode_responses=True) as client:
        assert sorted(client.keys()) == ["conversation:conv_1", "conversation:meta:conv_1"]
        held = [json.loads(entry) for entry in client.lrange("conversation:conv_1", 0, -1)]
        with client.pipeline(transaction=True) as together:
            messages, meta = (
                together.pttl("conversation:conv_1").pttl("conversation:meta:conv_1").execute()
            )
    assert [message["type"] for message in held] == ["human", "ai", "human", "ai"]
    assert [message["content"] for message in held[::2]] == [TOPIC, FOLLOW_UP]
    assert held[-1]["id"] == second.json()["message_id"]
    assert held[-1]["content"] == second.json()["answer"]
    assert messages == meta
    assert 3_590_000 <= messages <= 3_600_000


def test_the_session_lines_are_seen_and_what_is_said_is_not(
    serve: Serve, redis_server: RedisServer
) -> None:
    service = serve(REDIS_URL=redis_server.url)
    service.ask(TOPIC, conversation_id="conv_1")
    service.ask(FOLLOW_UP, conversation_id="conv_1")
    lines = (
        "[SESSION] Created session: conv_1",
        "[SESSION] Retrieved 2 messages for: conv_1",
        "[SESSION] Added 1 messages to conv_1 (total: 4)",
    )
    assert all(line in service.output for line in lines)
    assert "machine learning" not in service.output.lower()
    assert "example" not in service.output
    assert "Traceback" not in service.output


def test_incognito_leaves_nothing_in_redis_or_in_the_log(
    serve: Serve, redis_server: RedisServer
) -> None:
    service = serve(REDIS_URL=redis_server.url)
    answer = service.ask(TOPIC, conversation_id="conv_1", is_incognito=True)
    assert answer.json()["answer"].startswith("Machine learning")
    assert answer.json()["message_id"] is None
    with redis_server.client() as client:
        assert client.keys() == []
    assert "conv_1" not in service.output


def test_the_51st_message_makes_the_oldest_turn_go(serve: Serve, redis_server: RedisServer) -> None:
    service = serve(REDIS_URL=redis_server.url, MAX_MESSAGES_PER_SESSION="50")
    for number in range(26):
        service.ask(f"Question {number}", conversation_id="conv_1")
    with redis_server.client() as client:
        held = [json.loads(entry) for entry in client.lrange("conversation:conv_1", 0, -1)]
    asked = [message["content"] for message in held[::2]]
    assert asked == [f"Question {number}" for number in range(1, 26)]


def test_a_wrong_setting_ends_the_start_with_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SESSION_TTL", "abc")
    code, lines = end_of_start()
    assert code == 2
    assert len(lines) == 1
    assert lines[0].startswith("openta-server: SESSION_TTL: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAX_MESSAGES_PER_SESSION", "-1"),
        ("REDIS_URL", "http://localhost"),
        ("OPENTA_PORT", "99999"),
        ("OPENTA_PORT", "http"),
        ("OPENTA_PAPERS", "none"),
        ("OPENTA_MODEL", "gpt"),
        ("OPENTA_MODEL", "nosuch:model"),
    ],
)
def test_every_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"openta-server: {name}: ")


def test_arguments_go_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENTA_PORT", "http")
    with pytest.raises(SystemExit):
        main(["--port", "99999"])
    assert "OPENTA_PORT: Input should be less than or equal to 65535" in capsys.readouterr().err


def test_a_redis_that_is_not_there_ends_the_start_with_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://user:secret@127.0.0.1:1/0")
    code, lines = end_of_start()
    assert code == 1
    assert len(lines) == 1
    assert "redis://user@127.0.0.1:1/0" in lines[0]
    assert "start it, or correct REDIS_URL" in lines[0]
    assert "secret" not in lines[0]


def test_on_the_defaults_a_conversation_outlives_the_service(serve: Serve, tmp_path: Path) -> None:
    first = serve(OPENTA_DATA_DIR=str(tmp_path / "kept"))
    first.ask(TOPIC, conversation_id="conv_1")
    first.stop()
    second = serve(OPENTA_DATA_DIR=str(tmp_path / "kept"))
    answer = second.ask(FOLLOW_UP, conversation_id="conv_1").json()["answer"]
    assert answer.startswith("Following up on machine learning")
    assert "Conversations are archived in sqlite" in second.output
    assert str(tmp_path / "kept" / "openta.db") in second.output


def test_the_archive_shows_questions_and_answers_and_nothing_of_incognito(
    serve: Serve, tmp_path: Path
) -> None:
    service = serve(OPENTA_DATA_DIR=str(tmp_path))
    answer = service.ask(TOPIC, conversation_id="conv_1").json()["answer"]
    service.ask(FOLLOW_UP, conversation_id="conv_2", is_incognito=True)
    service.stop()
    database = sqlite3.connect(tmp_path / "openta.db")
    rows = database.execute("SELECT conversation_id, question, answer FROM conversation_messages")
    assert rows.fetchall() == [("conv_1", TOPIC, answer)]
    database.close()
    assert FOLLOW_UP.encode() not in (tmp_path / "openta.db").read_bytes()


def test_a_database_that_cannot_be_used_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ann:hunter2@127.0.0.1:1/db")
    code, lines = end_of_start()
    assert code != 0
    assert "hunter2" not in "".join(lines)
    assert "127.0.0.1:1" in lines[-1]
