"""The Python a spec gets: the exact one, else the nearest, never one older than 3.6."""

from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, InvalidArgument
from orris_images.interpreters import Interpreters
from orris_kit.interpreter import Interpreter

OWN = "3.11.7"


def interpreter(version: str) -> Interpreter:
    path = Path(f"/pythons/{version}/bin/python")
    return Interpreter(path, path, version, "linux-x86_64")


def machine(*versions: str) -> Interpreters:
    known = [interpreter(version) for version in (OWN, *versions)]
    return Interpreters({}, known[0].executable, discover=lambda environ, own: known)


@pytest.mark.parametrize(
    ("requested", "chosen"),
    [
        ("3.6.2", "3.6.15"),
        ("3.6.9", "3.6.9"),
        ("3.6", "3.6.15"),
        ("3.11.7", "3.11.7"),
        (">=3.8", OWN),
        (">=3.12", "3.13.1"),
        ("3.11.*", OWN),
    ],
)
def test_the_same_minor_is_no_substitution(requested: str, chosen: str) -> None:
    found = machine("3.6.9", "3.6.15", "3.13.1", "3.12.4").find(requested, strict=True)
    assert found.version == chosen
    assert found.warning is None
    assert (found.note is None) == found.exact


@pytest.mark.parametrize(
    ("requested", "chosen"),
    [("3.6.2", "3.8.18"), ("3.8", "3.8.18"), ("3.9", OWN), ("3.13", "3.11.7"), ("<3.5,>=3.3", "3.8.18")],
)
def test_the_nearest_minor_above_else_below(requested: str, chosen: str) -> None:
    found = machine("3.8.18", "3.8.1").find(requested)
    assert found.version == chosen
    assert found.substituted == (requested != "3.8")


def test_a_substitution_warns_loudly_and_strict_refuses_it() -> None:
    warning = machine().find("3.6.2").warning
    assert warning is not None
    assert warning.startswith("WARNING: Python 3.6.2 was asked for")
    with pytest.raises(FailedPrecondition, match=r"uv python install 3\.6.*Found: 3\.11\.7"):
        machine().find("3.6.2", strict=True)


def test_what_is_older_than_3_6_is_never_chosen() -> None:
    assert machine("3.5.9").find("3.5").version == OWN


def test_a_missing_python_is_looked_for_again_but_not_all_the_time() -> None:
    looks: list[int] = []
    now = [0.0]

    def discover(environ: object, own: Path) -> list[Interpreter]:
        looks.append(1)
        return [interpreter(OWN), *([interpreter("3.9.1")] if len(looks) > 1 else [])]

    interpreters = Interpreters({}, Path("/own"), discover=discover, clock=lambda: now[0])
    assert interpreters.find("3.9").version == OWN
    now[0] = 11.0
    assert interpreters.find("3.9").version == "3.9.1"
    interpreters.find("3.9")
    assert len(looks) == 2


@pytest.mark.parametrize("text", ["", "2.7", "3.x", "four", ">=a", "3.6.2.1.0", "-3", "4.0"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        machine().find(text)
