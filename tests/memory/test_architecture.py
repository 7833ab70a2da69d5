"""The layers of the design, the parity of sync and async, and the public names."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import openta_memory
from openta_memory import ConversationMemory, RedisChatMessageHistory, TurnHistory
from openta_memory.aio import AsyncRedisStore
from openta_memory.store import RedisStore

ROOT = Path(openta_memory.__file__).parents[1]
LIBRARY = ROOT / "openta_memory"

# By package, from the top to the ground: a module may import only from layers below its own.
LAYERS: dict[str, tuple[set[str], ...]] = {
    "": (
        {"cli"},
        {"__init__"},
        {"history", "session", "testing", "_echo"},
        {"_shared"},
        {"memory"},
        {"_archived"},
        {"_connections", "_flows"},
        {"archive", "store", "aio", "embedded"},
        {"_restoring"},
        {"_owned", "_steps"},
        {"_plans", "_outbox", "_reload"},
        {"_rows"},
        {"_commands", "_log", "_records", "_spelling"},
        {"scripts", "codec", "window", "keys", "settings"},
        {"errors"},
    ),
    "archive": (
        {"tier"},
        {"outage"},
        {"drain"},
        {"__init__"},
        {"database"},
        {"past", "purging"},
        {"writer", "reader", "migrations", "transactions"},
        {"owners"},
        {"held", "engines", "failures"},
        {"bridge", "incoming", "rows", "tables"},
        {"entries"},
    ),
    "cli": (
        {"__init__"},
        {"app"},
        {"exports", "imports", "upkeep"},
        {"places"},
        {"output", "records", "server", "shelf"},
    ),
}
# Inside one layer, and lazily upward: what the design names.
ALLOWED = {("history", "_echo"), ("memory", "history")}
THIRD_PARTIES = {
    "langchain_core",
    "orjson",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "redis",
    "typing_extensions",
}
# By their names in the library: `memory`, `archive.tier`.
MODULES = {
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts): path
    for path in LIBRARY.rglob("*.py")
}
EXTRAS = {
    "archive": {"sqlalchemy"},
    "cli": {"rich", "typer"},
    "embedded": {"fakeredis", "lupa"},
    "testing": {"pytest"},
}


class Imports(ast.NodeVisitor):
    """Collects what a module imports when it runs; what only type checkers read is left out."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.module and node.module.startswith("openta_memory"):
            self.found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif node.module:
            self.found.add(node.module)


def imports(path: Path) -> set[str]:
    visitor = Imports()
    visitor.visit(ast.parse(path.read_text()))
    return visitor.found


def home(name: str) -> str:
    """Give the module that a dotted name is, or is in."""
    parts = name.split(".")[1:]
    while not (found := {".".join(parts), ".".join([*parts, "__init__"])} & {*MODULES}):
        parts.pop()
    return found.pop()


def goes_down(above: str, below: str) -> bool:
    """Say whether one module may import another, by where their names part."""
    (high, *inner), (low, *deeper) = above.split("."), below.split(".")
    where = ""
    if high == low:
        where, high, low = high, inner[0], deeper[0]
    at = {name: index for index, names in enumerate(LAYERS[where]) for name in names}
    return at[low] > at[high] or (high, low) in ALLOWED


@pytest.mark.parametrize("module", sorted(MODULES))
def test_arrows_only_go_down(module: str) -> None:
    ours = {home(name) for name in imports(MODULES[module]) if name.startswith("openta_memory")}
    assert {name for name in ours if not goes_down(module, name)} == set()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_third_parties_stay_where_the_design_has_them(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(MODULES[module])}
    foreign = roots - set(sys.stdlib_module_names) - {"openta_memory", "__future__"}
    assert foreign <= THIRD_PARTIES | EXTRAS.get(module.partition(".")[0], set())


def test_the_storage_core_knows_nothing_of_what_langchain_deprecates() -> None:
    users = {
        module
        for module, path in MODULES.items()
        if {"langchain_core.chat_history", "langchain_core.runnables.history"} & imports(path)
    }
    assert users == {"history"}


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("openta_memory", {"openta_agents", "openta_server", "fastapi"}),
        ("agents/openta_agents", {"openta_server", "fastapi", "redis", "sqlalchemy"}),
        ("server/openta_server", {"redis", "sqlalchemy"}),
    ],
)
def test_distributions_only_use_those_below(folder: str, forbidden: set[str]) -> None:
    used = {name.split(".")[0] for path in (ROOT / folder).rglob("*.py") for name in imports(path)}
    assert not used & forbidden


def signatures(cls: type, prefix: str = "") -> dict[str, list[str]]:
    return {
        name.removeprefix(prefix): list(inspect.signature(method).parameters)
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_") and inspect.iscoroutinefunction(method) == bool(prefix)
    }


def test_the_two_stores_have_the_same_methods_with_the_same_parameters() -> None:
    def methods(cls: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(cls, inspect.isfunction)
            if not name.startswith("__") or name == "__init__"
        }

    ours, theirs = methods(RedisStore), methods(AsyncRedisStore)
    ours.pop("__init__"), theirs.pop("__init__")
    assert ours == theirs


@pytest.mark.parametrize("cls", [ConversationMemory, RedisChatMessageHistory, TurnHistory])
def test_what_can_be_done_in_one_way_can_be_done_in_the_other(cls: type) -> None:
    sync, native = signatures(cls), signatures(cls, "a")
    without_io = {"history", "turn", "from_env", "shared"}
    from_langchain = {"add_message", "add_user_message", "add_ai_message"}
    sync = {name: args for name, args in sync.items() if name not in without_io | from_langchain}
    native.pop("get_messages", None)
    assert sync == native


def test_public_names_are_sorted_and_all_there() -> None:
    assert openta_memory.__all__ == sorted(openta_memory.__all__)
    assert all(hasattr(openta_memory, name) for name in openta_memory.__all__)
    public = {
        name
        for name, value in vars(openta_memory).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(openta_memory.__all__)


def test_everything_public_says_what_it_is() -> None:
    for name in openta_memory.__all__:
        value = getattr(openta_memory, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


QUIET = """
import warnings
warnings.simplefilter("error")
from openta_memory import ConversationMemory, RedisChatMessageHistory, SessionManager
memory = ConversationMemory(redis_url="redis://127.0.0.1:1")
memory.history("c"), memory.turn("c"), SessionManager()
RedisChatMessageHistory("c", redis_url="redis://127.0.0.1:1", ttl=60, max_messages=5)
"""


def test_importing_and_building_prints_no_warning_and_needs_no_redis() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", QUIET], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines()[1:] == []
    assert done.stderr.startswith("No REDIS_URL")


def test_importing_touches_neither_extras_nor_the_network() -> None:
    code = "import sys, openta_memory; print({'fakeredis', 'lupa', 'pytest'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("folder", ["openta_memory", "agents", "server", "tests", "benchmarks"])
def test_no_file_grows_beyond_400_lines(folder: str) -> None:
    long = [
        path.name
        for path in (ROOT / folder).rglob("*.py")
        if len(path.read_text().splitlines()) > 400
    ]
    assert long == []
