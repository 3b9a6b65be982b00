"""Two distributions cannot both be `azureml`."""

from __future__ import annotations

from importlib import metadata

DISTRIBUTION = "azureml-core"


def refuse() -> None:
    """Raise ImportError where azureml-core is installed in this environment."""
    try:
        version = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return
    raise ImportError(
        f"{DISTRIBUTION} {version} and orris-azureml are both installed here, and both are `azureml`. Keep one. "
        f"To run on Orris: `pip uninstall {DISTRIBUTION}`, then "
        "`pip install --force-reinstall --no-deps orris-azureml`. "
        "To run on Azure: `pip uninstall orris-azureml`. To have both, give each an environment of its own.",
        name="azureml.core",
    )
