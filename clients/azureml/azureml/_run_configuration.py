"""Where a script runs, and in what environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from azureml._data_reference import DataReferenceConfiguration, inputs_named
from azureml._docker import Confinement, DockerConfiguration, confinement
from azureml._environment import Environment
from azureml._placeholder import Refusing, refuse
from orris.sdk.script_run_config import DEFAULT_ENVIRONMENT

if TYPE_CHECKING:
    from azureml._conda_dependencies import CondaDependencies
    from azureml._data_inputs import DatasetConsumptionConfig
    from orris.sdk import environment as sdk
    from orris.sdk.workspace import Workspace


_INSTEAD = {
    "amlcompute": "create a cluster (AmlCompute.provisioning_configuration, ComputeTarget.create), and name it as the "
    "target",
    "output_data": "give the script an OutputFileDatasetConfig among its arguments",
}


class RunConfiguration(Refusing):
    """Target, environment, environment variables, data and container of runs.

    What it does not have cannot be set either: Azure's names of what cannot be had say so, and others are misspelt.
    """

    _lacking = """amlcompute datacaches delete hdi history identity load mpi output_data parallel_task pytorch save
    spark tensorflow"""
    _instead = _INSTEAD
    # What happens by itself here, whatever is said.
    _without_effect = "auto_prepare_environment prepare_environment source_directory_data_store"

    def __init__(
        self,
        script: str | None = None,
        arguments: Sequence[object] | None = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: CondaDependencies | None = None,
        _history_enabled: Any = None,
        _path: Any = None,
        _name: Any = None,
        command: str | list[object] | None = None,
    ) -> None:
        self.script = script
        self.arguments = arguments or []
        self.command = command
        self.framework = framework or "Python"
        self.communicator = communicator
        self.target: Any = "local"
        self.docker = DockerConfiguration()
        self.node_count = 1
        self.environment_variables: dict[str, str] = {}
        self.environment: Environment | str = Environment(DEFAULT_ENVIRONMENT)
        self.data: dict[str, DatasetConsumptionConfig] = {}
        self.data_references: dict[str, DataReferenceConfiguration | DatasetConsumptionConfig] = {}
        self.max_run_duration_seconds: float | None = None
        self._untouched = self.environment
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies

    def __setattr__(self, name: str, value: Any) -> None:
        known = {*vars(self), *self._without_effect.split()}
        if "_untouched" in known and name not in known:
            there = ", ".join(sorted(each for each in vars(self) if not each.startswith("_")))
            refuse(f"RunConfiguration.{name}", self._instead.get(name, f"it has {there}"))
        super().__setattr__(name, value)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of the program: the environment's, and those set here."""
        own = {} if isinstance(self.environment, str) else self.environment.environment_variables
        return {**own, **self.environment_variables}

    def confined(self) -> Confinement:
        """Return what is asked for of the machine. Raises NotAvailable for what cannot be had, UserErrorException."""
        if self.node_count != 1:
            refuse(f"RunConfiguration.node_count = {self.node_count}", "a run is one process on one machine")
        return confinement(self.docker, getattr(self.environment, "docker", None))

    def inputs_in(self, workspace: Workspace) -> list[DatasetConsumptionConfig]:
        """Return what runs get besides what stands among their arguments. Raises UserErrorException."""
        return inputs_named({**self.data_references, **self.data}, workspace)

    def environment_in(self, workspace: Workspace) -> sdk.Environment | str:
        """Return the environment as Orris knows it: registered, or by name; a curated one where none was described."""
        if isinstance(self.environment, str):
            return self.environment
        if self.environment is self._untouched:
            if not self.environment.described:
                return DEFAULT_ENVIRONMENT
            self.environment.name = "run-configuration"
        return self.environment.registered(workspace)
