"""The environment of the interpreter that runs now, for a model that was trained in it."""

from __future__ import annotations

import platform
from importlib import metadata

from orris.errors import InvalidArgument
from orris.sdk.environment import Environment

# What a pickled scikit-learn estimator may need to be loaded and asked.
PACKAGES = ("scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl", "pandas")


def environment_of_this_interpreter(model_name: str, scikit_learn_version: str = "") -> Environment:
    """Return an environment with this Python's version and the versions of scikit-learn and its companions here.

    Where another scikit-learn is named, only that is taken: the model was not trained here. Raises InvalidArgument when
    neither is known.
    """
    name = f"model-{model_name}"[:255]
    installed = {package: version for package in PACKAGES if (version := _installed(package))}
    if scikit_learn_version and installed.get("scikit-learn") != scikit_learn_version:
        return Environment(name, pip_packages=[f"scikit-learn=={scikit_learn_version}", "pandas"])
    if "scikit-learn" not in installed:
        raise InvalidArgument(
            "environment: scikit-learn is not installed here, so say with what the model was trained: an environment, "
            "or model_framework_version",
            field="environment",
        )
    pins = [f"{package}=={version}" for package, version in installed.items()]
    return Environment(name, pip_packages=pins, python_version=platform.python_version())


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
