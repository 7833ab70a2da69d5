"""Measure every budget in one run, print the table and write it to RESULTS.md.

A benchmark is no test: missed budgets are reported and the run still succeeds.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, ModuleType

from benchmarks.report import Entry, Report
from benchmarks.server import RedisServer, throw_away

RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run all themes against one throw-away Redis."""
    _silence()
    signal.signal(signal.SIGTERM, _leave)
    report = Report()
    with throw_away() as server:
        report.describe(server)
        for theme in _themes():
            _run(theme, server, report)
    print("\n" + report.as_text())
    RESULTS.write_text(report.as_markdown(), encoding="utf-8")


def _themes() -> list[ModuleType]:
    # Imported here, after the warnings that LangChain gives on import are silenced.
    from benchmarks import (  # noqa: PLC0415
        archive,
        connections,
        exchanges,
        footprint,
        server_time,
        turns,
    )

    return [exchanges, turns, server_time, footprint, connections, archive]


def _run(theme: ModuleType, server: RedisServer, report: Report) -> None:
    started = time.monotonic()
    print(f"{theme.__name__} ...", end=" ", file=sys.stderr, flush=True)
    server.empty()
    measure: Callable[[RedisServer], Sequence[Entry]] = theme.measure
    report.add(measure(server))
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)


def _silence() -> None:
    for name in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2"):
        os.environ[name] = "false"
    os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
    logging.disable(logging.CRITICAL)
    # LangChain puts a filter of its own before any of ours: what is shown is silenced instead.
    warnings.showwarning = lambda *_args, **_kwargs: None


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit("stopped")


if __name__ == "__main__":
    main()
