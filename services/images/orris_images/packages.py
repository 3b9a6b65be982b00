"""What of a spec comes from PyPI: conda's names translated, what Orris itself provides left out, and notes on both."""

from collections.abc import Collection

from packaging.utils import canonicalize_name

from orris_images import azure_packages, conda_names, pep508
from orris_images.conda_names import MatchSpec
from orris_images.spec import Spec


def to_install(spec: Spec, there: Collection[str] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the requirements to resolve for `spec`, sorted, and notes for the log on what was changed on the way.

    `there` are the names of packages that the environment has without them.
    """
    notes: list[str] = []
    wanted = {package for package in spec.packages if _installed(pep508.name(package), notes)}
    for line in _lines(spec):
        if _installed(line.name, notes) and (requirement := _from_conda(line, notes)):
            wanted.add(requirement)
    kept = spec.base.packages if spec.base else ()
    asked = {pep508.name(each) for each in (*wanted, *kept) if ";" not in each}
    wanted |= azure_packages.brought(spec.packages, {*there, *asked}, notes)
    if spec.conda_packages:
        notes.insert(0, "conda packages are taken from PyPI, under PyPI's names: no conda channels are configured")
    wanted = {_renamed(package, notes) for package in wanted}
    return tuple(sorted(wanted)), tuple(notes)


def from_channels(spec: Spec) -> tuple[tuple[MatchSpec, ...], tuple[str, ...]]:
    """Return what of `spec` conda channels have to bring beside the Python, and notes for the log."""
    notes: list[str] = []
    return tuple(line for line in _lines(spec) if _installed(line.name, notes)), tuple(notes)


def _lines(spec: Spec) -> list[MatchSpec]:
    return [MatchSpec.parse(package, "conda_packages") for package in spec.conda_packages]


def _installed(name: str, notes: list[str]) -> bool:
    """Tell whether a package is to be installed."""
    own = canonicalize_name(name)
    if azure_packages.is_azures(own):
        notes.append(azure_packages.note(own))
    return not azure_packages.is_azures(own)


def _from_conda(line: MatchSpec, notes: list[str]) -> str | None:
    shown, requirement = line.name + line.versions, conda_names.on_pypi(line.text)
    if requirement is None:
        notes.append(f"{shown} is left out: it is conda's own or a system library, which PyPI's packages bring along")
    elif pep508.name(requirement) != canonicalize_name(line.name):
        notes.append(f"{shown} is called {pep508.name(requirement)} on PyPI")
    return requirement


def _renamed(package: str, notes: list[str]) -> str:
    """`sklearn` on PyPI is a placeholder (version 0.0) that fails to install; who writes it means scikit-learn."""
    if pep508.name(package) != "sklearn":
        return package
    notes.append("sklearn is installed as scikit-learn, its name on PyPI")
    return "scikit-learn"
