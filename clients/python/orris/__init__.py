"""Orris: train, register and serve scikit-learn models on machines you own.

    from orris import Environment, Experiment, ScriptRunConfig, Workspace

    ws = Workspace.from_config()
    run = Experiment(ws, "iris").submit(ScriptRunConfig(".", "train.py", environment="scikit-learn"))
    run.wait_for_completion(show_output=True)

Every name is imported when it is first used: importing `orris` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orris.sdk.build import Build
    from orris.sdk.connection import Connection
    from orris.sdk.data_outputs import OutputFileDatasetConfig
    from orris.sdk.dataset import Dataset
    from orris.sdk.datastore import Datastore
    from orris.sdk.endpoint import Endpoint, Webservice
    from orris.sdk.environment import Environment
    from orris.sdk.experiment import Experiment
    from orris.sdk.failures import BuildFailed, DeploymentFailed, RunFailed, StillRunning
    from orris.sdk.file_dataset import FileDataset
    from orris.sdk.inference_config import InferenceConfig
    from orris.sdk.model import Model
    from orris.sdk.resource_configuration import ResourceConfiguration
    from orris.sdk.resources import Resources
    from orris.sdk.run import Run
    from orris.sdk.script_run_config import ScriptRunConfig
    from orris.sdk.sweep import Sweep
    from orris.sdk.sweep_config import SweepConfig
    from orris.sdk.tabular_dataset import TabularDataset
    from orris.sdk.workspace import Workspace

_HOMES = {
    "Build": "build",
    "BuildFailed": "failures",
    "Connection": "connection",
    "Dataset": "dataset",
    "Datastore": "datastore",
    "DeploymentFailed": "failures",
    "Endpoint": "endpoint",
    "Environment": "environment",
    "Experiment": "experiment",
    "FileDataset": "file_dataset",
    "InferenceConfig": "inference_config",
    "Model": "model",
    "OutputFileDatasetConfig": "data_outputs",
    "ResourceConfiguration": "resource_configuration",
    "Resources": "resources",
    "Run": "run",
    "RunFailed": "failures",
    "ScriptRunConfig": "script_run_config",
    "StillRunning": "failures",
    "TabularDataset": "tabular_dataset",
    "Sweep": "sweep",
    "SweepConfig": "sweep_config",
    "Webservice": "endpoint",
    "Workspace": "workspace",
}

__all__ = [
    "Build",
    "BuildFailed",
    "Connection",
    "Dataset",
    "Datastore",
    "DeploymentFailed",
    "Endpoint",
    "Environment",
    "Experiment",
    "FileDataset",
    "InferenceConfig",
    "Model",
    "OutputFileDatasetConfig",
    "ResourceConfiguration",
    "Resources",
    "Run",
    "RunFailed",
    "ScriptRunConfig",
    "StillRunning",
    "Sweep",
    "SweepConfig",
    "TabularDataset",
    "Webservice",
    "Workspace",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'orris' has no attribute {name!r}")
    value: object = getattr(import_module(f"orris.sdk.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
