"""What services have added to environments: it goes with what is asked for, and is chosen together with that."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from orris.errors import FailedPrecondition, InvalidArgument
from orris_images.adding import Addition
from orris_images.container import Dockerfile
from orris_images.records import added_target
from orris_images.spec import Base, Spec

from .conftest import Machine

RAY = Addition(("ray==2.60.0",), "3.11.9")


def added(machine: Machine, spec: Spec, addition: Addition = RAY) -> Spec:
    return machine.core.adding.added("lab", spec, addition)


def locked(machine: Machine, packages: Sequence[str], resolved: str) -> Spec:
    """Return a specification whose packages were all chosen at one version."""
    machine.resolver.now = resolved
    machine.finish(machine.create(*packages))
    return Spec(packages=tuple(packages))


def test_an_environment_gets_what_is_added_and_only_that(machine: Machine) -> None:
    spec = Spec(packages=("scikit-learn==1.5.*",), environment_variables=(("A", "1"),))
    assert added(machine, spec) == Spec(
        packages=("ray==2.60.0", "scikit-learn==1.5.*"), environment_variables=(("A", "1"),)
    )


@pytest.mark.parametrize("asked", ["ray==2.60.0", "ray[default]==2.60.0", "Ray == 2.60.0"])
def test_one_that_asks_for_it_itself_stays_as_it_is(machine: Machine, asked: str) -> None:
    spec = Spec(packages=(asked,))
    assert added(machine, spec).digest == spec.digest


@pytest.mark.parametrize(
    "asked", ["ray", "ray>=2.9", "ray==2.60.*", "ray[tune]>2", 'ray==2.60.0; python_version < "3"']
)
def test_one_that_leaves_the_version_open_gets_that_one(machine: Machine, asked: str) -> None:
    spec = Spec(packages=(asked,))
    assert set(added(machine, spec).packages) == {*spec.packages, "ray==2.60.0"}


def test_one_whose_lock_has_it_already_stays_as_it_is(machine: Machine) -> None:
    """Though nobody named it."""
    spec = locked(machine, ("something-with-ray", "ray"), "2.60.0")
    assert added(machine, spec) == spec
    other = locked(machine, ("ray", "another"), "2.59.0")
    assert "ray==2.60.0" in added(machine, other).packages


@pytest.mark.parametrize(
    "spec",
    [
        Spec(packages=("ray==2.59.0",)),
        Spec(packages=("ray<2.60",)),
        Spec(conda_packages=("ray-default=2.59",)),
        Spec(base=Base("3.11.7", ("ray==2.59.0",))),
    ],
)
def test_another_version_is_refused_with_what_to_do(machine: Machine, spec: Spec) -> None:
    with pytest.raises(FailedPrecondition, match=r"asks for ray.*2\.\d\d.*, or ask for ray==2\.60\.0") as refused:
        added(machine, spec)
    assert refused.value.reason == "PACKAGE_CONFLICT"


def test_another_python_is_refused_with_what_to_do(machine: Machine) -> None:
    for_another = Addition(("ray==2.60.0",), "3.12.1")
    plain = locked(machine, ("ray",), "2.60.0")
    for spec in (plain, Spec(packages=("numpy",)), Spec(base=Base("3.11.7", ("six==1.16.0",)))):
        with pytest.raises(FailedPrecondition, match=r"has Python 3\.11\.7: ask for python=3\.12") as refused:
            added(machine, spec, for_another)
        assert refused.value.reason == "PYTHON_CONFLICT"
    any_python = Addition(("ray==2.60.0",))
    assert added(machine, plain, any_python) == plain


@pytest.mark.parametrize(
    "spec", [Spec(interpreter="/opt/python"), Spec(dockerfile=Dockerfile("FROM python:3.11", "", "python3"))]
)
def test_nothing_is_added_to_what_its_user_looks_after(machine: Machine, spec: Spec) -> None:
    with pytest.raises(FailedPrecondition, match="let Orris make the environment"):
        added(machine, spec)


@pytest.mark.parametrize("packages", [("ray",), ("ray>=2",), ("ray==2.*",), ("!",), ("ray @ https://h/ray.whl",)])
def test_what_is_added_has_one_version(packages: tuple[str, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"addition\.pip_packages\[0\]"):
        Addition(packages)
    with pytest.raises(InvalidArgument, match=r"addition\.python_version"):
        Addition(("ray==2.60.0",), "three")


def test_a_build_of_it_is_one_of_the_environment_but_not_its_image(machine: Machine) -> None:
    """Who asks for the environment alone gets what it was."""
    machine.resolver.now = "2.60.0"
    plain = machine.finish(machine.create("scikit-learn"))
    spec = added(machine, plain.spec)
    asked = (plain.workspace, added_target(plain.target, ["ray==2.60.0"]), spec)
    more = machine.finish(machine.core.builds.create(*asked))
    assert (more.environment, more.added) == (plain.environment, "ray==2.60.0")
    assert more.image != plain.image
    assert machine.log(more).startswith(f"environment {plain.environment}, and with it ray==2.60.0\n")
    assert machine.core.builds.create(*asked).cached
    assert machine.core.environments.get("lab", "a").image == plain.image
    assert machine.create("scikit-learn").image == plain.image
