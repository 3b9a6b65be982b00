"""Equal specs have equal digests; what is not part of an environment is not part of its digest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris_images.spec import Base, Spec

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9._-]{0,10}[A-Za-z0-9]", fullmatch=True)
VERSIONS = st.sampled_from(["", "==1.2", ">=1,<2", "<2,>=1", "!=1.5", "~=1.4"])


def respelled(requirement: str) -> str:
    return "  " + requirement.replace("-", "_").upper().replace("==", " == ").replace(",", " , ") + " "


def test_the_digest_is_stable_over_releases_of_orris() -> None:
    spec = Spec(python="3.6.2", packages=("numpy", "scikit-learn"))
    assert spec.digest == "dbf339d1253427087ca64032b6fb2944b8bd26dee8d6715c063dd002d8505061"


@given(st.lists(st.tuples(NAMES, VERSIONS), max_size=6), st.randoms(use_true_random=False))
def test_spelling_and_order_do_not_change_a_spec(parts: list[tuple[str, str]], random: object) -> None:
    packages = [name + versions for name, versions in parts]
    other = [respelled(package) for package in packages]
    random.shuffle(other)  # type: ignore[attr-defined]
    assert Spec(packages=tuple(packages)) == Spec(packages=tuple(other))
    assert Spec(packages=tuple(packages)).digest == Spec(packages=tuple(other)).digest


@given(st.lists(st.tuples(NAMES, VERSIONS), max_size=6))
def test_the_canonical_form_is_its_own_canonical_form(parts: list[tuple[str, str]]) -> None:
    spec = Spec(packages=tuple(name + versions for name, versions in parts))
    assert Spec(packages=spec.packages) == spec


def test_environment_variables_are_outside_the_digest() -> None:
    assert Spec(environment_variables=(("A", "1"),)).digest == Spec().digest


@pytest.mark.parametrize(
    "other",
    [
        Spec(python="3.10"),
        Spec(packages=("numpy",)),
        Spec(conda_packages=("numpy",)),
        Spec(channels=("conda-forge",)),
        Spec(index_url="https://example.org/simple"),
        Spec(extra_index_urls=("https://example.org/simple",)),
        Spec(interpreter="/usr/bin/python3"),
        Spec(strict=True),
        Spec(base=Base("3.11.7", ("numpy==1.2",))),
    ],
)
def test_everything_else_is_inside(other: Spec) -> None:
    assert other.digest != Spec().digest


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("packages", {"packages": ("numpy @ https://example.org/numpy.whl",)}),
        ("packages", {"packages": ("numpy\n-r /etc/passwd",)}),
        ("packages", {"packages": ("--index-url=https://example.org",)}),
        ("packages", {"packages": ("numpy; " + "(" * 900,)}),
        ("packages", {"packages": tuple(f"p{n}" for n in range(1001))}),
        ("python", {"python": "2.7"}),
        ("python", {"python": "--help"}),
        ("conda_packages", {"conda_packages": ("numpy[version=1]",)}),
        ("channels", {"channels": ("-c evil",)}),
        ("index_url", {"index_url": "file:///etc"}),
        ("index_url", {"index_url": "https://user:password@example.org/simple"}),
        ("index_url", {"index_url": "https://example.org:port/simple"}),
        ("environment_variables", {"environment_variables": (("A=B", "1"),)}),
        ("environment_variables", {"environment_variables": (("A", "1\0"),)}),
        ("interpreter", {"interpreter": "/usr/bin/python3", "packages": ("numpy",)}),
        ("interpreter", {"interpreter": "a\0b"}),
    ],
)
def test_a_wrong_field_is_named(field: str, arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Spec(**arguments)  # type: ignore[arg-type]
    assert caught.value.violations[0].field == field
    assert "password" not in caught.value.message


def test_a_base_is_pinned() -> None:
    with pytest.raises(InvalidArgument, match="pinned"):
        Base("3.11.7", ("numpy>=1",))


@given(st.text(max_size=60))
def test_any_text_is_a_requirement_or_refused(text: str) -> None:
    for arguments in ({"packages": (text,)}, {"conda_packages": (text,)}, {"index_url": text}, {"python": text}):
        try:
            Spec(**arguments)
        except InvalidArgument as refused:
            assert refused.violations  # noqa: PT017
