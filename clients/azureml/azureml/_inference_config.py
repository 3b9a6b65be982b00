"""A scoring script, under Azure's names."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml._environment import Environment
from azureml._errors import translated
from azureml._placeholder import refuse, refuse_given
from azureml.exceptions import UserErrorException
from orris.sdk import inference_config as sdk

if TYPE_CHECKING:
    from orris.inference.v1.inference_pb2 import ScoringCode
    from orris.sdk.workspace import Workspace


@translated()
class InferenceConfig:
    """A file with `init()` and `run(data)`, the folder it is in, and its environment; see orris.InferenceConfig.

    `runtime` and `conda_file` are what Azure had before `environment`: "python", and a conda file.
    """

    def __init__(
        self,
        entry_script: str | Path,
        source_directory: str | Path | None = None,
        description: str | None = None,
        environment: Environment | None = None,
        runtime: str | None = None,
        conda_file: str | Path | None = None,
        **images: Any,
    ) -> None:
        refuse_given("InferenceConfig", **{name: value for name, value in images.items() if value is not False})
        if environment is not None and not isinstance(environment, Environment):
            raise UserErrorException("environment: give an Environment, for example Environment.get(ws, name)")
        self.entry_script = str(entry_script)
        self.source_directory = source_directory
        self.description = description
        self.environment = environment
        self._variables: dict[str, str] = {}
        if runtime or conda_file:
            self._take_old_form(runtime, conda_file)

    def _take_old_form(self, runtime: str | None, conda_file: str | Path | None) -> None:
        if self.environment is not None:
            raise UserErrorException("environment: leave out runtime and conda_file, which say the same")
        if (runtime or "python").lower() != "python":
            refuse(f"InferenceConfig(runtime={runtime!r})", 'use runtime="python"')
        warnings.warn(
            "InferenceConfig(runtime=..., conda_file=...) is deprecated: give "
            "environment=Environment.from_conda_specification(name, file_path)",
            DeprecationWarning,
            stacklevel=4,
        )
        if conda_file:
            path = Path(self.source_directory or ".") / conda_file
            self.environment = Environment.from_conda_specification(f"{path.stem}-inference", path)

    def within(self, timeout_ms: int) -> InferenceConfig:
        """Return the same with a time limit for each call, in milliseconds; one of the environment's goes before."""
        limited = InferenceConfig(self.entry_script, self.source_directory, self.description, self.environment)
        if not (self.environment and "SCORING_TIMEOUT_MS" in self.environment.environment_variables):
            limited._variables = {"SCORING_TIMEOUT_MS": str(timeout_ms)}
        return limited

    def upload(self, workspace: Workspace) -> ScoringCode:
        """Upload the files and register the environment; return what a deployment is asked for."""
        environment = self.environment.registered(workspace) if self.environment else None
        config = sdk.InferenceConfig(self.entry_script, self.source_directory, environment, self._variables)
        return config.upload(workspace)

    def __repr__(self) -> str:
        name = self.environment.name if self.environment else None
        return (
            f"InferenceConfig(entry_script={self.entry_script}, source_directory={self.source_directory}, "
            f"environment={name})"
        )
