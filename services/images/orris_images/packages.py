"""What of a spec comes from PyPI: conda's names translated, what Orris itself provides left out, and notes on both."""

from orris_images import conda_names, pep508
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
    wanted = {package for package in spec.packages if _installed(package, notes)}
    for package in spec.conda_packages:
        if _installed(package, notes) and (requirement := _from_conda(package, notes)):
            wanted.add(requirement)
    if spec.conda_packages:
        notes.insert(0, "conda packages are taken from PyPI, under PyPI's names: no conda channels are configured")
    wanted = {_renamed(package, notes) for package in wanted}
    return tuple(sorted(wanted)), tuple(notes)


def _installed(package: str, notes: list[str]) -> bool:
    """Tell whether `package` is to be installed; azureml-* is not: its core would hide what Orris provides."""
    name = pep508.name(package)
    if not name.startswith("azureml-"):
        return True
    if name in _PROVIDED or name.startswith(_PROVIDED_FAMILIES):
        notes.append(f"{name} is not installed: Orris's own run-side package provides `azureml`")
    else:
        notes.append(f"warning: {name} is not installed and Orris has no equivalent: what imports it will fail")
    return False


def _from_conda(package: str, notes: list[str]) -> str | None:
    requirement = conda_names.on_pypi(package)
    if requirement is None:
        notes.append(f"{package} is left out: it is conda's own or a system library, which PyPI's packages bring along")
    elif pep508.name(requirement) != pep508.name(package):
        notes.append(f"{package} is called {pep508.name(requirement)} on PyPI")
    return requirement


def _renamed(package: str, notes: list[str]) -> str:
    """`sklearn` on PyPI is a placeholder (version 0.0) that fails to install; who writes it means scikit-learn."""
    if pep508.name(package) != "sklearn":
        return package
    notes.append("sklearn is installed as scikit-learn, its name on PyPI")
    return "scikit-learn"
