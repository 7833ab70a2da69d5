"""The notebooks run as they are committed, and are committed without what running adds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

import openta_memory

NOTEBOOKS = sorted((Path(openta_memory.__file__).parents[1] / "notebooks").glob("*.ipynb"))
# Said once where no REDIS_URL is set; all else on stderr would be a warning or an error.
TOLD = "No REDIS_URL: an embedded Redis keeps conversations"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Send what would leave this machine to a port where nothing listens."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    for name in [name for name in os.environ if name.upper() == "NO_PROXY"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem, scope="module")
def raw(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A notebook as it is committed."""
    committed: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return committed


def outputs(notebook: nbformat.NotebookNode) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_the_notebooks_are_found() -> None:
    assert [path.stem for path in NOTEBOOKS] == ["01_quickstart", "02_assistant", "03_experiments"]


@each_notebook
@pytest.mark.usefixtures("offline")
def test_a_notebook_runs_from_top_to_bottom_and_warns_of_nothing(
    path: Path, tmp_path: Path
) -> None:
    # Given an empty folder, no settings and no network
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(tmp_path)}}
    # When all cells are run
    NotebookClient(notebook, kernel_name="python3", timeout=100, resources=folder).execute()
    # Then something is shown, and nothing but what is meant is on stderr
    shown = outputs(notebook)
    complaints = [output.text for output in shown if output.get("name") == "stderr"]
    assert shown
    assert [text for text in complaints if not text.startswith(TOLD)] == []
    if path.stem != "01_quickstart":
        assert any("image/png" in output.get("data", {}) for output in shown)


def test_a_notebook_is_committed_without_outputs_or_counts(raw: dict[str, Any]) -> None:
    code = [cell for cell in raw["cells"] if cell["cell_type"] == "code"]
    assert [cell["outputs"] for cell in code] == [[]] * len(code)
    assert {cell["execution_count"] for cell in code} == {None}


def test_a_notebook_holds_no_more_metadata_than_its_kernel(raw: dict[str, Any]) -> None:
    assert raw["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert {json.dumps(cell["metadata"]) for cell in raw["cells"]} == {"{}"}


def test_a_notebook_is_valid(raw: dict[str, Any]) -> None:
    nbformat.validate(raw)  # type: ignore[no-untyped-call] # nbformat's
