"""Examples in docstrings and in docs/ run as they stand."""

from __future__ import annotations

import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import openta_agents
import openta_memory
from openta_agents import AgentSettings

ROOT = Path(openta_memory.__file__).parents[1]
ASSISTANT = (ROOT / "docs" / "assistant.md").read_text()


def with_examples() -> list[str]:
    """Name the modules whose docstrings hold examples."""
    folders = [Path(package.__file__).parent for package in (openta_memory, openta_agents)]
    return sorted(
        ".".join(path.relative_to(folder.parent).with_suffix("").parts)
        for folder in folders
        for path in folder.rglob("*.py")
        if ">>> " in path.read_text()
    )


@pytest.mark.parametrize("name", with_examples())
def test_the_examples_of_a_module_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)


def test_the_assistants_page_shows_what_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", ASSISTANT, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("Machine learning is")
    assert second.startswith("Following up on machine learning: ")


@pytest.mark.parametrize("name", AgentSettings.model_fields)
def test_every_setting_of_the_assistant_stands_on_its_page_with_its_default(name: str) -> None:
    (row,) = [
        line for line in ASSISTANT.splitlines() if line.startswith(f"| `OPENTA_{name.upper()}`")
    ]
    default = AgentSettings.model_fields[name].default
    shown = {"model_args": "{}", "catalogue": "the sample"}.get(name, default)
    assert f"| {'none' if shown is None else shown} |" in row
