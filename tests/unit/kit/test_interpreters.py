"""The Python of a lock on this machine: the very version, else the same minor, else what to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris.errors import FailedPrecondition
from orris_kit import interpreters
from orris_kit.interpreter import Interpreter

OWN = "3.11.7"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the machine have four Pythons; record when all of it is looked over."""
    seen: list[str] = []
    known = [interpreter(version) for version in (OWN, "3.12.1", "3.9.18", "3.9.9")]

    def discover(environ: object, own: Path) -> list[Interpreter]:
        seen.append("all")
        return known

    monkeypatch.setattr(interpreters, "discover_interpreters", discover)
    monkeypatch.setattr(interpreters, "inspect_interpreter", lambda path, **_: known[0])
    return seen


def interpreter(version: str) -> Interpreter:
    return Interpreter(Path("/venv/python"), Path(f"/pythons/{version}"), version, "linux-x86_64")


@pytest.mark.parametrize(
    ("wanted", "found"), [("3.9.9", "3.9.9"), ("3.9.18", "3.9.18"), ("3.9.5", "3.9.18"), ("3.11.1", OWN)]
)
def test_the_very_version_else_the_newest_of_its_minor(looks: list[str], wanted: str, found: str) -> None:
    assert interpreters.find_exact(wanted, environ={}, own=Path("/own")) == Path(f"/pythons/{found}")


def test_ones_own_python_needs_no_look_at_the_machine(looks: list[str]) -> None:
    assert interpreters.find_exact(OWN, environ={}, own=Path("/own")) == Path(f"/pythons/{OWN}")
    assert looks == []


def test_a_missing_python_is_named_with_how_to_get_it(looks: list[str]) -> None:
    with pytest.raises(FailedPrecondition, match=r"uv python install 3\.8`.*Found: 3\.11\.7, 3\.12\.1") as caught:
        interpreters.find_exact("3.8.18", environ={}, own=Path("/own"))
    assert caught.value.reason == "INTERPRETER_NOT_FOUND"
