"""`make eval` finds what it is to find, and keeps the reported half out of sight."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EVALUATE = Path(__file__).parents[2] / "agents/eval/evaluate.py"


def evaluate(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the evaluation without what it writes and without what takes minutes."""
    command = [sys.executable, str(EVALUATE), "--no-write", "--no-scale", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def reported() -> str:
    return evaluate().stdout


def test_the_goals_of_finding_are_met_on_the_reported_half(reported: str) -> None:
    assert "2 of 2 goals of finding met." in reported


def test_follow_ups_are_not_found_without_memory(reported: str) -> None:
    line = next(line for line in reported.splitlines() if "without memory" in line)

    recall = float(line.split()[5])
    assert recall <= 0.1


def test_what_the_reported_half_missed_is_not_shown() -> None:
    refused = evaluate("--failures")

    assert refused.returncode == 2
    assert "--split tune" in refused.stderr


def test_what_the_other_half_missed_is_shown_with_its_search() -> None:
    shown = evaluate("--split", "tune", "--failures").stdout

    assert "searched" in shown
