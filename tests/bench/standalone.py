"""A standalone instance to measure, in a home of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orris_standalone import control
from tests.bench.programs import output


@contextmanager
def home_folder() -> Iterator[Path]:
    """Give a new home for an instance."""
    with tempfile.TemporaryDirectory(prefix="orris-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def instance(home: Path) -> Iterator[None]:
    """Run an instance that the SDK of this process finds."""
    before = os.environ.get("ORRIS_HOME")
    os.environ["ORRIS_HOME"] = str(home)
    try:
        control.up(home, None, None, foreground=False)
        yield
    finally:
        control.down(home)
        os.environ.pop("ORRIS_HOME")
        if before is not None:
            os.environ["ORRIS_HOME"] = before


def orris(home: Path, *arguments: str) -> None:
    """Call the command line as a user does."""
    command = [sys.executable, "-m", "orris.cli", *arguments]
    output(command, env={**os.environ, "ORRIS_HOME": str(home)})
