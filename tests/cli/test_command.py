"""The command as it is installed: exit codes, one line for an error, clean streams."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.archives import batch, using

from openta_memory import ConversationMemory
from openta_memory.testing import turn

Command = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = Path(sys.executable).with_name("openta-memory")


@pytest.fixture
def command() -> Command:
    """Run the installed command in a process of its own."""

    def command(*words: str, **given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), *words],
            env=os.environ | given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return command


def failed_with(done: subprocess.CompletedProcess[str], code: int) -> str:
    """Make sure that a command ended as one that failed does, and give its line."""
    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("openta-memory: ")
    return line


def test_the_installed_command_prints_one_document_and_no_more(
    command: Command, memory: ConversationMemory
) -> None:
    memory.append("c", turn(1), owner="ann")
    assert json.loads(command("sync", "--json").stdout) == {"archived": 1}
    shown = command("show", "c")
    assert [record["content"] for record in json.loads(shown.stdout)] == ["question 1", "answer 1"]
    listed = command("list", "--owner", "ann", "--json")
    assert [row["conversation_id"] for row in json.loads(listed.stdout)] == ["c"]
    assert shown.stderr == listed.stderr == ""


def test_without_a_redis_url_the_archive_is_read_without_a_warning(
    command: Command, database: str
) -> None:
    using(database, lambda archive: archive.write([batch(1)]))
    for words in (("show", "c"), ("show", "c", "--archived"), ("export",), ("stats",)):
        done = command(*words)
        assert (done.returncode, done.stderr) == (0, ""), words


@pytest.mark.parametrize(
    ("words", "given", "named"),
    [
        (["stats"], {"SESSION_TTL": "soon"}, "SESSION_TTL"),
        (["stats"], {"REDIS_URL": "http://x"}, "REDIS_URL"),
        (["stats"], {"DATABASE_URL": "mysql://u:hidden@h/d"}, "DATABASE_URL"),
        (["show", "c"], {"DATABASE_URL": "mysql://u:hidden@h/d"}, "DATABASE_URL"),
        (["export"], {}, "DATABASE_URL"),
        (["show", "c", "--archived"], {}, "DATABASE_URL"),
        (["list", "--owner", "ann"], {}, "DATABASE_URL"),
        (["purge", "--older-than", "1d", "--yes"], {}, "DATABASE_URL"),
        (["sync"], {"DATABASE_URL": "sqlite:///a.db"}, "REDIS_URL"),
        (["import"], {}, "REDIS_URL"),
    ],
)
def test_a_setting_that_is_wrong_or_missing_ends_with_2_and_is_named(
    command: Command, words: list[str], given: dict[str, str], named: str
) -> None:
    line = failed_with(command(*words, **given), 2)
    assert named in line
    assert "hidden" not in line


@pytest.mark.parametrize("words", [["sync"], ["import"], ["export"]], ids=" ".join)
def test_a_redis_that_is_down_ends_with_1_and_shows_no_password(
    command: Command, words: list[str]
) -> None:
    down = {"REDIS_URL": "redis://:hidden@127.0.0.1:1", "DATABASE_URL": "sqlite:///a.db"}
    line = failed_with(command(*words, **down), 1)
    assert "127.0.0.1:1" in line
    assert "hidden" not in line


def test_stats_tells_what_is_known_while_one_of_the_two_is_down(
    command: Command, memory: ConversationMemory
) -> None:
    memory.append("c", turn(1))
    memory.drain()
    memory.append("c", turn(2))
    done = command("stats", "--json", DATABASE_URL="postgresql://u:hidden@127.0.0.1:1/d")
    assert done.returncode == 1
    assert json.loads(done.stdout) | {"outbox": 1, "messages": None} == json.loads(done.stdout)
    assert "127.0.0.1:1" in done.stderr
    assert "hidden" not in done.stderr
    done = command("stats", "--json", REDIS_URL="redis://:hidden@127.0.0.1:1")
    assert done.returncode == 1
    assert json.loads(done.stdout) | {"outbox": None, "messages": 2} == json.loads(done.stdout)
    assert "hidden" not in done.stderr


@pytest.mark.parametrize("words", [["export"], ["list", "--owner", "ann"]])
def test_an_archive_that_is_down_ends_with_1_and_shows_no_password(
    command: Command, words: list[str]
) -> None:
    line = failed_with(command(*words, DATABASE_URL="postgresql://u:hidden@127.0.0.1:1/d"), 1)
    assert "127.0.0.1:1" in line
    assert "hidden" not in line


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_without_the_extra_the_line_to_install_it_is_named(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import openta_memory.cli as c; c.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "openta-memory[cli]"' in failed_with(done, 1)


@pytest.mark.usefixtures("database")
def test_without_the_archives_extra_the_line_to_install_it_is_named() -> None:
    code = "import sys; sys.modules['sqlalchemy'] = None; import openta_memory.cli as c; c.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "export"], capture_output=True, text=True, check=False
    )
    assert 'pip install "openta-memory[archive]"' in failed_with(done, 1)


def test_a_reader_that_leaves_early_gets_no_traceback(database: str) -> None:
    using(database, lambda archive: archive.write([batch(n) for n in range(1, 2001)]))
    with subprocess.Popen(
        [str(SCRIPT), "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""


def test_a_terminal_sees_a_bar_and_stdout_stays_clean(memory: ConversationMemory) -> None:
    memory.append("c", turn(1))
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [str(SCRIPT), "sync", "--json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        assert process.stdout
        assert json.loads(process.stdout.read()) == {"archived": 1}
    seen = os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    assert b"Archiving" in seen
