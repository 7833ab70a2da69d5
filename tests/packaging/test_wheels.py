"""Each distribution is a clean wheel, and the pins name no address."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import openta_memory

ROOT = Path(openta_memory.__file__).parents[1]


def contents(folder: Path, into: Path) -> list[str]:
    """Build a wheel and list the files in it, its own metadata aside."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(into)]
    subprocess.run([*command, str(folder)], check=True, capture_output=True)
    (wheel,) = into.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if ".dist-info/" not in name]


@pytest.mark.parametrize(
    ("folder", "package"),
    [(".", "openta_memory"), ("agents", "openta_agents"), ("server", "openta_server")],
)
def test_a_wheel_holds_its_package_and_nothing_else(
    tmp_path: Path, folder: str, package: str
) -> None:
    names = contents(ROOT / folder, tmp_path)
    assert {name.split("/")[0] for name in names} == {package}
    assert f"{package}/py.typed" in names
    assert not [name for name in names if "__pycache__" in name]


def test_the_librarys_wheel_holds_every_script(tmp_path: Path) -> None:
    names = contents(ROOT, tmp_path)
    verbs = {f"openta_memory/scripts/{path.name}" for path in ROOT.rglob("scripts/*.lua")}
    assert verbs <= set(names)
    assert {"append.lua", "window.lua", "trim.lua", "clear.lua", "restore.lua"} <= {
        name.rpartition("/")[2] for name in verbs
    }
    assert {Path(name).suffix for name in names} == {".py", ".lua", ".typed"}


def test_the_agents_wheel_holds_the_sample_of_papers(tmp_path: Path) -> None:
    names = contents(ROOT / "agents", tmp_path)
    assert "openta_agents/data/papers.jsonl" in names
    assert {Path(name).suffix for name in names} == {".py", ".jsonl", ".typed"}


def test_the_pins_are_names_and_versions_and_no_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", line) for line in lines)
