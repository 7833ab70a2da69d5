"""What the README shows runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.redis_server import RedisServer

import openta_memory
from openta_memory.settings import MemorySettings

README = (Path(openta_memory.__file__).parents[1] / "README.md").read_text()
(EXAMPLE,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run_example() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_example_is_no_longer_than_15_lines_of_statements() -> None:
    assert len(EXAMPLE.splitlines()) <= 16


def test_the_example_runs_on_the_embedded_redis() -> None:
    assert run_example() == ["It learns from data.", "A spam filter.", "4 messages remembered"]


def test_the_example_runs_on_a_real_redis_which_keeps_it(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", redis_server.url)
    assert run_example()[-1] == "4 messages remembered"
    with redis_server.client() as client:
        assert client.llen("conversation:conv_123") == 4


@pytest.mark.parametrize("name", [name.upper() for name in MemorySettings.model_fields])
def test_every_setting_stands_in_the_readme_with_its_default(name: str) -> None:
    field = MemorySettings.model_fields[name.lower()]
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    (row,) = [line for line in rows if f"`{name}`" in line.split("|")[1]]
    assert field.default is None or f"| {field.default} |" in row
