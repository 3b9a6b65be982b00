"""Conda channels give the Python that a spec asks for by the rules for those of a machine."""

import pytest

from orris_images.resolve.conda_python import choose_python
from orris_kit.conda_program import Refused

THERE = ("2.7.18", "3.6.15", "3.8.20", "3.9.1", "3.9.18", "3.14.0rc2", "3.12.0.a1_0", "oops")


@pytest.mark.parametrize(
    ("requested", "versions"),
    [(None, ">=3.6"), ("3.8", "3.8.*"), ("3.9.1", "==3.9.1"), (">=3.8,<3.10", "<3.10,>=3.8"), ("3", "<4,>=3")],
)
def test_what_is_there_is_asked_for(requested: str | None, versions: str) -> None:
    chosen = choose_python(requested, THERE, strict=True)
    assert (chosen.versions, chosen.note, chosen.warning) == (versions, None, None)


def test_another_patch_release_is_noted() -> None:
    chosen = choose_python("3.6.2", THERE, strict=True)
    assert (chosen.versions, chosen.warning, chosen.substitute) == ("3.6.*", None, None)
    assert "3.6.2" in (chosen.note or "")


@pytest.mark.parametrize(("requested", "substitute"), [("3.7", "3.8"), ("3.11.4", "3.9"), (">=3.13", "3.9")])
def test_another_minor_version_is_warned_of(requested: str, substitute: str) -> None:
    chosen = choose_python(requested, THERE, strict=False)
    assert (chosen.versions, chosen.substitute) == (f"{substitute}.*", substitute)
    assert f"Python {substitute} IS USED" in (chosen.warning or "")


def test_strict_refuses_another_minor_version() -> None:
    with pytest.raises(Refused, match=r"Python 3\.7 is not in the conda channels\. Found: 3\.9\.18, 3\.9\.1, 3\.8\.20"):
        choose_python("3.7", THERE, strict=True)


@pytest.mark.parametrize("there", [(), ("2.7.18",)])
def test_none_at_all_is_refused(there: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="not in the conda channels"):
        choose_python("3.7", there, strict=False)
