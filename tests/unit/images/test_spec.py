"""Equal specs have equal digests; what is not part of an environment is not part of its digest."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris_images import spec_text
from orris_images.container import Dockerfile
from orris_images.spec import Base, Spec

CONTEXT = f"workspaces/lab/trees/{'a' * 64}"
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
        Spec(base_image="debian:bookworm"),
        Spec(dockerfile=Dockerfile("FROM debian")),
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
        ("index_url", {"index_url": "https://user:hunter2@example.org/simple"}),
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
    assert "hunter2" not in caught.value.message


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


def test_text_files_and_python_of_a_dockerfile_are_inside_the_digest() -> None:
    text = "FROM debian\nRUN true"
    others = [Dockerfile(text), Dockerfile(text + " "), Dockerfile(text, CONTEXT), Dockerfile(text, "", "/opt/python")]
    assert len({Spec(dockerfile=each).digest for each in others}) == 4


@pytest.mark.parametrize("spec", [Spec(base_image="a/b:1"), Spec(dockerfile=Dockerfile("FROM x", CONTEXT, "python"))])
def test_what_only_a_container_has_is_kept(spec: Spec) -> None:
    assert spec_text.load(spec_text.dump(spec)) == spec


def test_what_was_kept_before_there_were_containers_can_be_read() -> None:
    kept = json.loads(spec_text.dump(Spec(packages=("six",))))
    del kept["base_image"], kept["dockerfile"]
    assert spec_text.load(json.dumps(kept)) == Spec(packages=("six",))


@pytest.mark.parametrize(
    "reference",
    [
        "debian",
        "debian:bookworm",
        "lab/base:1.0_x",
        "registry.lab:5000/a/b-c/d__e:Tag",
        f"localhost/base@sha256:{'a' * 64}",
        f"registry.lab/base:1@sha256:{'a' * 64}",
        " debian ",
    ],
)
def test_references_of_images(reference: str) -> None:
    assert Spec(base_image=reference).base_image == reference.strip()


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "https://registry.lab/base",
        "ada:secret@registry.lab/base",
        "Base",
        "a b",
        "a\nb",
        "base:",
        "-a",
        "a" * 500,
        "a@b",
    ],
)
def test_what_is_no_reference_is_refused(reference: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Spec(base_image=reference)
    assert caught.value.violations[0].field == "base_image"
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (lambda: Dockerfile(""), "dockerfile.text"),
        (lambda: Dockerfile("RUN true"), "dockerfile.text"),
        (lambda: Dockerfile("FROM x\0"), "dockerfile.text"),
        (lambda: Dockerfile("FROM x\n" + "#" * 1024 * 1024), "dockerfile.text"),
        (lambda: Dockerfile("FROM x", "../.."), "dockerfile.context"),
        (lambda: Dockerfile("FROM x", "", " "), "dockerfile.interpreter"),
        (lambda: Spec(dockerfile=Dockerfile("FROM x"), packages=("six",)), "dockerfile"),
        (lambda: Spec(dockerfile=Dockerfile("FROM x"), python="3.11"), "dockerfile"),
        (lambda: Spec(dockerfile=Dockerfile("FROM x"), base_image="x"), "base_image"),
    ],
)
def test_a_dockerfile_is_all_there_is(made: Callable[[], object], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        made()
    assert caught.value.violations[0].field == field
