"""The Lua scripts: one verb a file, read once, known to Redis by their hash."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script's source and its SHA-1, by which EVALSHA calls it."""

    source: str
    sha: str


@cache
def load(verb: str) -> Script:
    """Read a verb's script; a line `-- include NAME` takes in what scripts share."""
    lines = (files(__name__) / f"{verb}.lua").read_text(encoding="utf-8").splitlines()
    source = "\n".join(_included(line) for line in lines)
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def _included(line: str) -> str:
    if not line.startswith("-- include "):
        return line
    name = line.removeprefix("-- include ").strip()
    return (files(__name__) / f"{name}.lua").read_text(encoding="utf-8")
