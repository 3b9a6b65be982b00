"""The Pythons of this machine, and a uv cache shared by these tests: the machine's own."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from orris_images.interpreters import Interpreters
from orris_kit.interpreter import Interpreter


@pytest.fixture(scope="session")
def environ() -> dict[str, str]:
    return dict(os.environ)


@pytest.fixture(scope="session")
def interpreters(environ: dict[str, str]) -> Interpreters:
    return Interpreters(environ, Path(sys.executable))


@pytest.fixture(scope="session")
def only(interpreters: Interpreters, environ: dict[str, str]) -> Callable[[str], Interpreters]:
    """Return the machine as it would be with the Pythons of one minor only; skip where it has none."""

    def with_only(minor: str) -> Interpreters:
        known: list[Interpreter] = [one for one in interpreters.all() if one.version.startswith(f"{minor}.")]
        if not known:
            pytest.skip(f"no Python {minor} on this machine")
        return Interpreters(environ, known[0].executable, discover=lambda *_: known)

    return with_only
