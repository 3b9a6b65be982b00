"""Azure's own packages: none is installed, as their core would hide what Orris provides; what some bring, is."""

from collections.abc import Collection, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# The run-side package of Orris answers to these imports; the rest of azureml-* has no equivalent.
_PROVIDED = frozenset({
    "azureml-core", "azureml-defaults", "azureml-sdk", "azureml-telemetry", "azureml-widgets", "azureml-opendatasets",
    "azureml-mlflow", "azureml-contrib-services", "azureml-model-management-sdk", "azureml-dataset-runtime",
})  # fmt: skip
_PROVIDED_FAMILIES = ("azureml-train", "azureml-dataprep", "azureml-pipeline")

# With the extra `pandas`, these bring what tables are read with.
_OF_DATA = ("azureml-dataset-runtime", "azureml-dataprep")
_READS_TABLES = ("pandas", "pyarrow")


def is_azures(name: str) -> bool:
    """Tell whether a package is one of Azure's own, by its canonical name."""
    return name.startswith("azureml-")


def note(name: str) -> str:
    """Return what the log says of one that is not installed."""
    if name in _PROVIDED or name.startswith(_PROVIDED_FAMILIES):
        return f"{name} is not installed: Orris's own run-side package provides `azureml`"
    return f"warning: {name} is not installed and Orris has no equivalent: what imports it will fail"


def brought(packages: Sequence[str], there: Collection[str], notes: list[str]) -> set[str]:
    """Return the requirements that Azure's among `packages` bring, but for those whose names are `there` anyway."""
    found: set[str] = set()
    for package in map(Requirement, packages):
        missing = [name for name in _READS_TABLES if name not in there]
        if missing and canonicalize_name(package.name).startswith(_OF_DATA) and "pandas" in package.extras:
            marker = f"; {package.marker}" if package.marker else ""
            found |= {name + marker for name in missing}
            verb, it = ("is", "it") if len(missing) == 1 else ("are", "them")
            notes.append(f"{' and '.join(missing)} {verb} installed: {package.name}[pandas] brings {it}")
    return found
