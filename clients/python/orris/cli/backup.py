"""Everything that an Orris on this machine keeps, in one file or folder, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from orris.cli.failures import say
from orris.cli.instance import Home, home_of, services_installed
from orris.cli.output import size

Target = Annotated[
    Path, typer.Argument(metavar="FILE|FOLDER", help="A new archive (.tar, .tar.gz, .tgz), or a new folder.")
]
Source = Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="What `orris backup` has written.", exists=True)]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(target: Target, home: Home = None) -> None:
    """Back up everything that the Orris on this machine keeps. It may go on running.

    There are secrets in a backup: the key that tokens are signed with, tokens, keys of endpoints, variables of runs.
    """
    with services_installed():
        from orris_standalone.backup import back_up
    done = back_up(home_of(home), target.expanduser().absolute(), os.environ)
    say(f"{target}: {done.files:,} files, {size(done.bytes)}. There are secrets in it: keep it where only you can read")


def restore(source: Source, home: Home = None) -> None:
    """Make a new home of a backup; start it with `orris up`.

    Runs that were executing at the time of the backup have failed in it, those that waited wait again. Environments are
    made again, from their locks, when they are needed.
    """
    with services_installed():
        from orris_standalone.restore import restore as restore_into
    place = home_of(home)
    done = restore_into(source.expanduser().absolute(), place)
    say(f"{place}: {done.files:,} files, {size(done.bytes)}. Start it with `orris up`")
