"""From a registered model, its conversion verified, to an endpoint's first answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from orris import Environment, Model, Workspace
from tests.bench.rows import Row, measured, seconds
from tests.bench.standalone import home_folder, instance

PACKAGES = ("scikit-learn", "numpy", "joblib")
FLOWER = json.dumps({"data": [[5.1, 3.5, 1.4, 0.2]], "method": "predict"})
REPETITIONS, WARM_UP = 7, 2


def rows() -> Iterator[Row]:
    with home_folder() as home, instance(home):
        workspace = Workspace.get("default")
        model = _registered(workspace)
        took = [_deploy(workspace, model, f"iris-{number}") for number in range(WARM_UP + REPETITIONS)]
        yield measured("endpoint: CreateEndpoint to first answer", "s", took[WARM_UP:], goal="< 0.5 s")


def _registered(workspace: Workspace) -> Model:
    """Return a model in the environment that made it: this one."""
    import joblib
    from sklearn.datasets import load_iris
    from sklearn.svm import SVC

    pins = [f"{package}=={version(package)}" for package in PACKAGES]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(SVC().fit(*load_iris(return_X_y=True)), path)
        model = Model.register(
            workspace,
            path,
            "iris",
            environment=Environment("iris-here", pip_packages=pins),
            model_framework=Model.Framework.SCIKITLEARN,
        )
    conversion = model.wait_for_conversion()
    assert conversion.verified, conversion
    return model


def _deploy(workspace: Workspace, model: Model, name: str) -> float:
    answers: list[Any] = []

    def deploy() -> None:
        endpoint = Model.deploy(workspace, name, [model])
        endpoint.wait_for_deployment()
        answers.append(endpoint.run(FLOWER))

    took = seconds(deploy)
    assert answers == [[0]], answers
    return took
