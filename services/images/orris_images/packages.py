"""What of a spec comes from PyPI: conda's names translated, what Orris itself provides left out, and notes on both."""

from packaging.utils import canonicalize_name

from orris_images import conda_names, pep508
from orris_images.conda_names import MatchSpec
from orris_images.spec import Spec

# The run-side package of Orris answers to these imports; the rest of azureml-* has no equivalent.
_PROVIDED = frozenset({
    "azureml-core", "azureml-defaults", "azureml-sdk", "azureml-telemetry", "azureml-widgets", "azureml-opendatasets",
    "azureml-mlflow", "azureml-contrib-services", "azureml-model-management-sdk",
})  # fmt: skip
_PROVIDED_FAMILIES = ("azureml-train", "azureml-dataprep", "azureml-pipeline")


def to_install(spec: Spec) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the requirements to resolve for `spec`, sorted, and notes for the log on what was changed on the way."""
    notes: list[str] = []
    wanted = {package for package in spec.packages if _installed(pep508.name(package), notes)}
    for line in _lines(spec):
        if _installed(line.name, notes) and (requirement := _from_conda(line, notes)):
            wanted.add(requirement)
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
    """Tell whether a package is to be installed; azureml-* is not: its core would hide what Orris provides."""
    if not name.startswith("azureml-"):
        return True
    if name in _PROVIDED or name.startswith(_PROVIDED_FAMILIES):
        notes.append(f"{name} is not installed: Orris's own run-side package provides `azureml`")
    else:
        notes.append(f"warning: {name} is not installed and Orris has no equivalent: what imports it will fail")
    return False


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
