"""What commands print: JSON and tables on stdout, all else on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text


def complain(sentence: str) -> None:
    """Write one line to stderr."""
    typer.echo(f"openta-memory: {' '.join(sentence.split())}", err=True)


def print_json(document: object) -> None:
    """Write one JSON document to stdout."""
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def write(text: bytes) -> None:
    """Write to stdout as it is."""
    typer.echo(text, nl=False)


def agreed(question: str) -> bool:
    """Ask on stderr, so that stdout holds the result alone; only yes is yes."""
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table to stdout; what can't be printed becomes a space."""
    table = Table()
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_printable(cell)) for cell in row))
    Console().print(table)


@contextmanager
def progress(
    doing: str, total: int | None, *, quiet: bool = False
) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr where that is a terminal; gives what tells it how much is done.

    Args:
        doing: What the work is.
        total: How much it is in all; None where nobody knows.
        quiet: Show none.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *(*columns, TimeElapsedColumn()),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=quiet or not sys.stderr.isatty(),
    ) as bar:
        task = bar.add_task(doing, total=total)
        yield lambda done: bar.update(task, completed=done)


def _printable(cell: object) -> str:
    text = "-" if cell is None else str(cell)
    return "".join(char if char.isprintable() else " " for char in text)
