"""The Orris on this machine: start it, end it, see how it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from orris.cli.failures import FAILED, say
from orris.cli.options import AsJson, InWorkspace
from orris.cli.output import print_fields, print_json

if TYPE_CHECKING:
    from types import ModuleType

DOWN_SECONDS = 75.0  # the nodes of its pools end first

Home = Annotated[
    Path | None,
    typer.Option("--home", metavar="FOLDER", help="Where Orris keeps its things; else ORRIS_HOME, else the default."),
]
Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the services; any free one by default.")]
HttpPort = Annotated[int | None, typer.Option(min=1, max=65535, help="Port of the endpoints; any free one by default.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, token, version):
        app.command()(command)


def up(
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return as soon as it answers.")] = False,
    port: Port = None,
    http_port: HttpPort = None,
    home: Home = None,
) -> None:
    """Start Orris on this machine: all services and an agent."""
    code = _control().up(home_of(home), port, http_port, foreground=not detach)
    if detach and (found := _found(home_of(home))):
        say(f"Orris runs at {found['address']}: `orris down` ends it")
    raise typer.Exit(code)


def down(home: Home = None) -> None:
    """End the Orris on this machine, with the nodes of its pools. Runs that execute are ended too."""
    if not _control().down(home_of(home), timeout=DOWN_SECONDS):
        say("orris: no Orris is running here")
        return
    say("Orris has ended")
    if left := _control().left(home_of(home)):
        say(f"orris: {left}")


def status(home: Home = None, json: AsJson = False) -> None:
    """Show the Orris that is used here, or say that there is none."""
    from orris.errors import Unavailable
    from orris.sdk.connection import NO_INSTANCE

    found = _elsewhere() if home is None else None
    found = found or _found(home_of(home))
    if found is None:
        raise Unavailable(NO_INSTANCE)
    if json:
        print_json(found)
        return
    started = found.get("started")
    shown = dict(found)
    if isinstance(started, int | float):
        shown["started"] = datetime.fromtimestamp(started, UTC)
    print_fields({key.replace("_", " "): value for key, value in shown.items()})


def token(
    role: Annotated[Literal["user", "reader"] | None, typer.Option(help="Make a new token of this role.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=366, help="How long a new token is valid.")] = None,
    subject: Annotated[str, typer.Option(help="Who holds a new token, for records.")] = "",
    workspace: InWorkspace = None,
) -> None:
    """Print the token that is used here, or a new one.

    A new one has a role and an end: `orris token --role reader --days 7`.
    """
    from orris.sdk.connection import Connection
    from orris.sdk.tokens import create_token

    if role or days or subject or workspace:
        typer.echo(create_token(workspace or "-", role or "user", days or 30, subject))
        return
    own = Connection.find().token
    if not own:
        say("orris: no token is set here: set ORRIS_TOKEN or ORRIS_TOKEN_FILE")
        raise typer.Exit(FAILED)
    typer.echo(own)


def version() -> None:
    """Print the version."""
    from importlib import metadata

    typer.echo(f"orris {metadata.version('orris')}")


def _elsewhere() -> dict[str, Any] | None:
    """Return what answers at ORRIS_ADDRESS, None where that is not set. Raises Unavailable when nobody does."""
    from orris.sdk.connection import Connection
    from orris.sdk.workspace import Workspace

    if not os.environ.get("ORRIS_ADDRESS"):
        return None
    return {"address": Connection.find().address, "workspaces": [each.name for each in Workspace.list()]}


def _found(home: Path) -> dict[str, Any] | None:
    try:
        from orris_standalone import control
    except ImportError:
        from dataclasses import asdict

        from orris.sdk.instance import find_instance

        instance = find_instance(home)
        return asdict(instance) if instance else None
    found: dict[str, Any] | None = control.status(home)
    return found


def _control() -> ModuleType:
    with services_installed():
        from orris_standalone import control
    module: ModuleType = control
    return module


@contextmanager
def services_installed() -> Iterator[None]:
    """Import from the standalone distribution in a block of this; say where it is missing."""
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "orris_standalone":
            raise
        say("orris: the services are not installed here: install the distribution `orris-standalone`")
        raise typer.Exit(FAILED) from None


def home_of(given: Path | None) -> Path:
    """Return the home that is meant."""
    from orris.sdk.instance import default_home

    return (given or default_home()).expanduser().absolute()
