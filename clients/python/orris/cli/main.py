"""The command `orris`."""

from __future__ import annotations

import warnings

import typer

from orris.cli import (
    agents,
    backup,
    builds,
    data,
    deploy,
    endpoints,
    environment_build,
    environments,
    experiments,
    images,
    init,
    instance,
    models,
    pools,
    predict,
    runs,
    storage,
    submit,
    sweep,
    sweeps,
    top,
)
from orris.cli.failures import Commands, say

app = typer.Typer(
    cls=Commands,
    name="orris",
    help="Train, register and serve scikit-learn models on machines you own.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

environment_build.add_to(environments.app)
for group in (runs, sweeps, experiments, environments, builds, images, models, data, endpoints, pools, agents):
    app.add_typer(group.app)
for commands in (instance, top, backup, init, submit, sweep, deploy, predict, storage):
    commands.add_to(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        instance.version()
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(  # its callback does it
        False, "--version", "-V", is_eager=True, callback=_print_version, help="Print the version and exit."
    ),
) -> None:
    """Take the options that stand before any command."""


def main() -> None:
    """Run the command line; exits with the codes that `orris.cli.failures` lists."""
    warnings.showwarning = lambda message, *_where, **_more: say(f"warning: {message}")
    app()
