"""A real instance for the tests that go through the command line, started once for all of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ORRIS = Path(sys.executable).with_name("orris")

Finished = subprocess.CompletedProcess[str]
Orris = Callable[..., Finished]


def environment_of(home: Path) -> dict[str, str]:
    """Return this process's environment with an Orris home of the test's own, and no other Orris in it."""
    # What tests/conftest.py says of forks is for the tests' own process: services say it themselves.
    private = ("ORRIS_", "GRPC_ENABLE_FORK_SUPPORT")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(private)}
    return {**inherited, "ORRIS_HOME": str(home), "COLUMNS": "80"}


def command_line(home: Path, folder: Path, **variables: str) -> Orris:
    """Return a function that runs `orris` with arguments in a folder and fails unless it exits with `code`."""

    def run(*arguments: str, code: int = 0, stdin: str = "", cwd: Path = folder) -> Finished:
        done = subprocess.run(
            [ORRIS, *arguments],
            env=environment_of(home) | variables,
            cwd=cwd,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == code, f"orris {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of an instance that runs while tests do."""
    folder = tmp_path_factory.mktemp("instance")
    run = command_line(folder, folder)
    run("up", "-d")
    yield folder
    run("down")


@pytest.fixture
def orris(home: Path, tmp_path: Path) -> Orris:
    """Run `orris` against the instance, in an empty folder."""
    return command_line(home, tmp_path)
