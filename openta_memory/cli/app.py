"""The commands. Settings come from the environment and `.env`, as for the library."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from openta_memory.cli import exports, imports, output, upkeep
from openta_memory.cli.places import opened_memory, opened_server
from openta_memory.errors import OpenTAMemoryError, SettingsError
from openta_memory.settings import MemorySettings

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class _Commands(TyperGroup):
    """Ends a command that fails with one line: exit code 2 for settings, 1 for all else."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except OpenTAMemoryError as error:
            output.complain(str(error))
            raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from None


app = typer.Typer(
    name="openta-memory",
    cls=_Commands,
    help="Look into conversations, move them, archive and purge them. "
    "REDIS_URL and DATABASE_URL say where they are.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _older_than(text: str) -> int:
    """Read an age such as 90d as seconds."""
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None:
        raise typer.BadParameter("write a number and s, m, h, d or w, such as 90d")
    return int(found[1]) * _SECONDS[found[2]]


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def show(
    conversation_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    archived: Annotated[
        bool, typer.Option("--archived", help="All that was ever said, from the archive.")
    ] = False,
) -> None:
    """Print a conversation's messages as a JSON array, oldest first."""
    settings = MemorySettings.load()
    if archived:
        upkeep.archive_what_waits(settings)
        found = asyncio.run(exports.print_archived(settings, conversation_id))
    else:
        found = exports.print_held(settings, conversation_id)
    if not found:
        raise typer.Exit(1)


@app.command("list")
def list_(
    owner: Annotated[str, typer.Option(metavar="NAME", help="Whose.")],
    *,
    limit: Annotated[int | None, typer.Option(min=1, help="How many at the most.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the conversations of an owner that the archive has, newest first."""
    found = asyncio.run(upkeep.listed(MemorySettings.load(), owner, limit))
    rows = [(row.id, row.title, row.seq, _at(row.created_at), _at(row.updated_at)) for row in found]
    if as_json:
        columns = ["conversation_id", "title", "messages", "created_at", "updated_at"]
        output.print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        output.print_table(["conversation", "title", "messages", "created", "updated"], rows)


@app.command()
def export(
    conversation_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    *,
    owner: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only conversations of theirs.")
    ] = None,
) -> None:
    """Print messages of the archive as JSON Lines, each conversation oldest first.

    Without an ID, all conversations. What waits for the archive is archived first, where REDIS_URL
    is set.
    """
    settings = MemorySettings.load()
    upkeep.archive_what_waits(settings)
    if not asyncio.run(exports.print_lines(settings, conversation_ids or [], owner)):
        raise typer.Exit(1)


@app.command()
def sync(*, as_json: AsJson = False) -> None:
    """Archive what waits in Redis now."""
    settings = MemorySettings.load()
    with opened_server(settings) as server, opened_memory(settings) as memory:
        moved = asyncio.run(upkeep.drain(memory, server))
    if as_json:
        output.print_json({"archived": moved})
    else:
        typer.echo(f"Archived {moved} entries.")


@app.command()
def purge(
    older_than: Annotated[
        int, typer.Option(parser=_older_than, metavar="AGE", help="Such as 90d, 12w or 36h.")
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove conversations last appended to longer ago than AGE, from Redis and the archive."""
    settings = MemorySettings.load()
    before_ms = time.time_ns() // 1_000_000 - older_than * 1000
    upkeep.archive_what_waits(settings)
    count = len(asyncio.run(upkeep.older(settings, before_ms)))
    if count and not yes and not output.agreed(f"Remove {count} conversations for ever?"):
        output.complain("nothing was removed")
        raise typer.Exit(1)
    removed = upkeep.purge(settings, before_ms)
    if as_json:
        output.print_json({"removed": removed})
    else:
        typer.echo(f"Removed {removed} conversations.")


@app.command()
def stats(*, as_json: AsJson = False) -> None:
    """Tell what Redis and the archive hold."""
    facts, failures = upkeep.facts(MemorySettings.load())
    if as_json:
        output.print_json(facts)
    else:
        output.print_table(["what", "value"], list(facts.items()))
    for failure in failures:
        output.complain(str(failure))
    if failures:
        raise typer.Exit(1)


@app.command("import")
def import_(
    *,
    key_prefix: Annotated[str, typer.Option(help="What their keys begin with.")] = "message_store:",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Store nothing; tell what would be done.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import the histories of langchain-community's RedisChatMessageHistory from the same Redis.

    A conversation that already holds messages is skipped, so that it can be repeated. The old
    lists stay as they are.
    """
    settings = MemorySettings.load()
    with opened_server(settings) as server, opened_memory(settings) as memory:
        keys, outcomes = server.lists(key_prefix), []
        with output.progress("Importing", len(keys)) as tell:
            for one in imports.import_histories(
                memory, server, keys, prefix=key_prefix, dry=dry_run
            ):
                outcomes.append(one)
                tell(len(outcomes))
    _say_outcomes(outcomes, as_json=as_json)
    if any(one.outcome == imports.FAILED for one in outcomes):
        raise typer.Exit(1)


def _say_outcomes(outcomes: list[imports.Outcome], *, as_json: bool) -> None:
    columns = ["conversation_id", "messages", "outcome", "reason"]
    rows = [[getattr(one, name) for name in columns] for one in outcomes]
    if as_json:
        output.print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        output.print_table(["conversation", *columns[1:]], rows)
    failed = sum(one.outcome == imports.FAILED for one in outcomes)
    if failed:
        output.complain(f"{failed} of {len(outcomes)} conversations could not be imported")
    if cut := sum(one.cut for one in outcomes):
        output.complain(
            f"of {cut} conversations, only the last messages were kept: set DATABASE_URL to keep "
            "all, or raise MAX_MESSAGES_PER_SESSION"
        )
