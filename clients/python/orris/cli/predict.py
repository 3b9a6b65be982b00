"""Ask an endpoint."""

from __future__ import annotations

import json as json_module
import sys
from typing import Annotated, Any

import typer

from orris.cli.options import InWorkspace, open_workspace


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(predict)


def predict(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="Name of the endpoint.")],
    source: Annotated[str | None, typer.Argument(metavar="[-]", help="`-` reads standard input.")] = None,
    data: Annotated[str | None, typer.Option("--data", "-d", metavar="JSON", help="Rows, as [[1, 2], [3, 4]].")] = None,
    file: Annotated[
        str | None, typer.Option("--file", metavar="FILE", help="File of rows; `-`: standard input.")
    ] = None,
    method: Annotated[str | None, typer.Option(metavar="METHOD", help="For example predict or predict_proba.")] = None,
    workspace: InWorkspace = None,
) -> None:
    """Ask an endpoint and print its answer as JSON.

    A scoring script gets what is given as it is.
    """
    from orris.sdk.endpoint import Endpoint

    text = _text(source, data, file)
    found = Endpoint(open_workspace(workspace), endpoint)
    if found.entry_script:
        if method:
            raise typer.BadParameter("a scoring script has no methods", param_hint="--method")
        typer.echo(json_module.dumps(found.run(text)))
        return
    body = _body(text)
    if method:
        body["method"] = method
    typer.echo(json_module.dumps(found.run(json_module.dumps(body))))


def _text(source: str | None, data: str | None, file: str | None) -> str:
    given = [each for each in (source, data, file) if each is not None]
    if len(given) != 1 or (source is not None and source != "-"):
        raise typer.BadParameter("give the rows in one of three ways: --data JSON, --file FILE, or `-`")
    if data is not None:
        return data
    if "-" in given:
        return sys.stdin.read()
    with open(given[0], encoding="utf-8") as opened:
        return opened.read()


def _body(text: str) -> dict[str, Any]:
    """Return the request: rows are wrapped, a whole request is taken as it is."""
    try:
        value = json_module.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"this is no JSON: {error}") from None
    return value if isinstance(value, dict) and "data" in value else {"data": value}
