"""Workspaces, under Azure's constructor and names."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml._errors import translated, translating
from azureml._placeholder import Refusing, refuse
from azureml.exceptions import UserErrorException, WorkspaceException
from orris.sdk import workspace as sdk
from orris.sdk.config_file import read_config, write_workspace_name

if TYPE_CHECKING:
    from azureml._compute import AmlCompute
    from azureml._dataset import FileDataset, TabularDataset
    from azureml._datastore import Datastore
    from azureml._environment import Environment
    from azureml._experiment import Experiment
    from azureml._model import Model
    from azureml._run import Run
    from azureml._webservice import Webservice


@translated(not_found=WorkspaceException)
class Workspace(Refusing, sdk.Workspace):
    """An existing workspace. Only its name counts; subscription and resource group are kept for who asks.

    Raises WorkspaceException when there is none of that name.
    """

    _lacking = """compute_instances delete get_default_keyvault get_mlflow_tracking_uri
    images linked_services private_endpoints setup sync_keys update"""
    _instead: Mapping[str, str] = {
        "get_default_keyvault": "set environment_variables of the environment, or read a file of yours",
        "delete": "it has no undo: delete its runs, models and datasets",
    }
    location = "local"

    def __init__(
        self,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str = "",
        auth: Any = None,
        **_options: Any,
    ) -> None:
        super().__init__(workspace_name, connection=sdk.Workspace.get(workspace_name).connection)
        self.subscription_id = subscription_id or ""
        self.resource_group = resource_group or ""

    @classmethod
    def from_config(
        cls, path: str | Path | None = None, auth: Any = None, _logger: Any = None, _file_name: str | None = None
    ) -> Workspace:
        """Return the workspace that the nearest config.json names."""
        with translating(UserErrorException):  # a file that is missing is another matter than a workspace
            config = read_config(path, _file_name)
        return cls(config.get("subscription_id"), config.get("resource_group"), config["workspace_name"])

    @classmethod
    def get(  # type: ignore[override]  # Azure's parameters
        cls,
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        **_options: Any,
    ) -> Workspace:
        """Return the workspace of that name."""
        return cls(subscription_id, resource_group, name)

    @classmethod
    def create(  # type: ignore[override]  # Azure's parameters
        cls,
        name: str,
        auth: Any = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        exist_ok: bool = False,
        **_options: Any,
    ) -> Workspace:
        """Create a workspace; what Azure would create for it besides does not exist here."""
        sdk.Workspace.create(name, exist_ok=exist_ok)
        return cls(subscription_id, resource_group, name)

    @staticmethod
    def list(  # type: ignore[override]  # Azure's parameters and result
        subscription_id: str | None = None, auth: Any = None, resource_group: str | None = None
    ) -> dict[str, builtins.list[Workspace]]:
        """Return the workspaces by name, each in a list of its own."""
        found = sdk.Workspace.list()
        return {each.name: [Workspace(subscription_id, resource_group, each.name)] for each in found}

    def write_config(self, path: str | Path | None = None, file_name: str | None = None) -> Path:
        """Write `.azureml/config.json` below `path` (default: the working directory) and return its path."""
        azure = {"subscription_id": self.subscription_id, "resource_group": self.resource_group}
        return write_workspace_name(self.name, path, file_name, **azure)

    def get_details(self) -> dict[str, Any]:
        """Return what is known of the workspace, under Azure's keys."""
        return {"name": self.name, "id": self.resource_name, "location": self.location, "type": "Orris"}

    def get_run(self, run_id: str) -> Run:
        """Return a run by its id."""
        from azureml._run import Run

        return Run.get(self, run_id)

    def get_default_compute_target(self, type: str = "CPU") -> AmlCompute:
        """Return the pool "cpu-cluster" (for "GPU" "gpu-cluster") where there is one, else this machine."""
        from azureml._compute import LOCAL, AmlCompute

        targets, name = self.compute_targets, f"{type.lower()}-cluster"
        return targets[name] if name in targets else AmlCompute(self, LOCAL)

    @property
    def compute_targets(self) -> dict[str, AmlCompute]:
        """The targets by name: the pools of the installation, "local" among them."""
        from azureml._compute import AmlCompute
        from azureml._compute_targets import ComputeTargets

        return ComputeTargets({each.name: each for each in AmlCompute.list(self)})

    @property
    def experiments(self) -> dict[str, Experiment]:  # type: ignore[override]  # the facade's kind
        """The experiments by name."""
        from azureml._experiment import Experiment

        return {each.name: each for each in Experiment.list(self)}

    @property
    def environments(self) -> dict[str, Environment]:  # type: ignore[override]  # the facade's kind
        """The latest version of each environment by name."""
        from azureml._environment import Environment

        return Environment.list(self)

    @property
    def models(self) -> dict[str, Model]:  # type: ignore[override]  # the facade's kind
        """The latest version of each model by name."""
        from azureml._model import Model

        return {each.name: each for each in Model.list(self, latest=True)}

    @property
    def datasets(self) -> dict[str, FileDataset | TabularDataset]:  # type: ignore[override]  # the facade's kind
        """The latest version of each dataset by name."""
        from azureml._dataset import Dataset

        return Dataset.get_all(self)

    @property
    def datastores(self) -> dict[str, Datastore]:  # type: ignore[override]  # the facade's kind
        """The datastores by name."""
        from azureml._datastore import Datastore

        return {each.name: Datastore(self, each.name) for each in Datastore.list(self)}

    def get_default_datastore(self) -> Datastore:
        """Return the datastore that every workspace has."""
        from azureml._datastore import Datastore

        return Datastore(self)

    def set_default_datastore(self, name: str) -> None:
        """Refuse another default than there is: it is the same for everybody."""
        if name != self.get_default_datastore().name:
            where = f"name it where it is used, Datastore.get(workspace, {name!r})"
            refuse(f"Workspace.set_default_datastore({name!r})", where)

    @property
    def webservices(self) -> dict[str, Webservice]:  # type: ignore[override]  # the facade's kind
        """The deployed services by name."""
        from azureml._webservice import Webservice

        return {each.name: each for each in Webservice.list(self)}

    def __repr__(self) -> str:
        return (
            f"Workspace.create(name={self.name!r}, subscription_id={self.subscription_id!r}, "
            f"resource_group={self.resource_group!r})"
        )
