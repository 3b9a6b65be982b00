"""What an Orris does now, live."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from orris.cli.options import AsJson
from orris.cli.output import print_json
from orris.cli.overview import lines_of

if TYPE_CHECKING:
    from orris.sdk.connection import Connection

PIPED_COLUMNS = 200


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(top)


def top(
    once: Annotated[
        bool, typer.Option("--once", help="Print it once; what is no terminal gets it once anyway.")
    ] = False,
    interval: Annotated[float, typer.Option(min=0.2, max=3600, help="Seconds between two looks.")] = 2.0,
    json: AsJson = False,
) -> None:
    """Show what goes on: agents, sweeps, runs, endpoints, builds. Ctrl-C ends it."""
    from orris.sdk.connection import Connection
    from orris.sdk.overview import overview

    connection = Connection.find()
    if json:
        print_json(overview(connection))
    elif once or not sys.stdout.isatty():
        width = shutil.get_terminal_size((PIPED_COLUMNS, 50)).columns
        typer.echo("\n".join(lines_of(overview(connection), width)))
    else:
        _live(connection, interval)


def _live(connection: Connection, interval: float) -> None:
    from rich.live import Live
    from rich.text import Text

    from orris.errors import OrrisError
    from orris.sdk.overview import overview

    shown = Text("asking …")
    with Live(shown, screen=True, auto_refresh=False) as live:
        try:
            while True:
                try:
                    shown = Text(
                        "\n".join(_fitting(lines_of(overview(connection), live.console.width), live.console.height))
                    )
                except OrrisError as problem:
                    shown = Text(problem.message)  # it may come back
                shown.highlight_regex(r"(?m)^[A-Z][A-Z0-9 /]+$", "bold")
                live.update(shown, refresh=True)
                time.sleep(interval)
        except KeyboardInterrupt:
            return


def _fitting(lines: list[str], height: int) -> list[str]:
    return lines if len(lines) <= height else [*lines[: height - 1], f"… {len(lines) - height + 1} lines more"]
