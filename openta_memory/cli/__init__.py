"""The command `openta-memory`: look into conversations, move them, archive and purge them.

Needs the extra: `pip install "openta-memory[cli]"`.
"""

from __future__ import annotations

import logging
import sys


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    logging.getLogger("openta_memory").setLevel(logging.ERROR)
    try:
        from openta_memory.cli.app import app  # noqa: PLC0415 - an extra
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in ("typer", "rich"):
            raise
        sys.exit(
            f"openta-memory: the command line needs {missing}, which is not installed: "
            'pip install "openta-memory[cli]"'
        )
    app()
