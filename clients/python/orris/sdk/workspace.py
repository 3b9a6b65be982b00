"""A workspace: where experiments, environments, models and endpoints are found."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from orris.errors import AlreadyExists
from orris.names import WorkspaceName
from orris.sdk.config_file import read_workspace_name, write_workspace_name
from orris.sdk.connection import Connection
from orris.sdk.paging import pages

if TYPE_CHECKING:
    from orris.sdk.datastore import Datastore
    from orris.sdk.endpoint import Endpoint
    from orris.sdk.environment import Environment
    from orris.sdk.experiment import Experiment
    from orris.sdk.file_dataset import FileDataset
    from orris.sdk.model import Model
    from orris.sdk.run import Run
    from orris.sdk.storage import Garbage, Storage
    from orris.sdk.tabular_dataset import TabularDataset
    from orris.sdk.transfer import Transfer


class Workspace:
    """A workspace of the Orris at `address`, else at ORRIS_ADDRESS, else of the one that runs here. Calls nothing yet.

    Raises InvalidArgument when the name cannot be one.
    """

    def __init__(self, name: str, address: str | None = None, *, connection: Connection | None = None) -> None:
        self.resource_name = str(WorkspaceName(name))
        self.name = name
        self._address = address
        self._connection = connection

    @property
    def connection(self) -> Connection:
        """The connection, found when it is first needed. Raises Unavailable when no Orris runs here."""
        if self._connection is None:
            self._connection = Connection.find(self._address)
        return self._connection

    @classmethod
    def from_config(cls, path: str | Path | None = None, address: str | None = None) -> Workspace:
        """Return the workspace that the nearest config.json names. Raises NotFound, InvalidArgument."""
        return cls(read_workspace_name(path), address)

    @classmethod
    def get(cls, name: str, address: str | None = None) -> Workspace:
        """Return an existing workspace. Raises NotFound."""
        from orris.runs.v1 import workspaces_service_pb2 as messages

        workspace = cls(name, address)
        workspace.connection.workspaces.GetWorkspace(messages.GetWorkspaceRequest(name=workspace.resource_name))
        return workspace

    @classmethod
    def create(
        cls, name: str, address: str | None = None, *, exist_ok: bool = False, description: str = ""
    ) -> Workspace:
        """Create a workspace and return it. Raises AlreadyExists unless `exist_ok`."""
        from orris.runs.v1 import workspaces_service_pb2 as messages

        workspace = cls(name, address)
        request = messages.CreateWorkspaceRequest(
            workspace_id=name, description=description, request_id=uuid.uuid4().hex
        )
        try:
            workspace.connection.workspaces.CreateWorkspace(request)
        except AlreadyExists:
            if not exist_ok:
                raise
        return workspace

    @classmethod
    def list(cls, address: str | None = None) -> list[Workspace]:
        """Return the workspaces that the token may see, by name."""
        from orris.runs.v1 import workspaces_service_pb2 as messages

        connection = Connection.find(address)
        found = pages(
            connection.workspaces.ListWorkspaces, messages.ListWorkspacesRequest(), lambda page: page.workspaces
        )
        return [cls(WorkspaceName.parse(each.name).workspace, connection=connection) for each in found]

    def write_config(self, path: str | Path | None = None, file_name: str | None = None) -> Path:
        """Write `.azureml/config.json` below `path` (default: the working directory) and return its path."""
        return write_workspace_name(self.name, path, file_name)

    @property
    def experiments(self) -> dict[str, Experiment]:
        """The experiments by name."""
        from orris.sdk.experiment import Experiment

        return {each.name: each for each in Experiment.list(self)}

    @property
    def environments(self) -> dict[str, Environment]:
        """The latest version of each environment by name, curated ones included."""
        from orris.sdk.environment import Environment

        return {each.name: each for each in Environment.list(self)}

    @property
    def models(self) -> dict[str, Model]:
        """The latest version of each model by name."""
        from orris.sdk.model import Model

        return {each.name: each for each in Model.list(self, latest=True)}

    @property
    def datasets(self) -> dict[str, FileDataset | TabularDataset]:
        """The latest version of each dataset by name."""
        from orris.sdk.dataset import Dataset

        return Dataset.get_all(self)

    @property
    def datastores(self) -> dict[str, Datastore]:
        """The datastores by name, the default one among them."""
        from orris.sdk.datastore import Datastore

        return {each.name: each for each in Datastore.list(self)}

    def get_default_datastore(self) -> Datastore:
        """Return the datastore that every workspace has."""
        from orris.sdk.datastore import Datastore

        return Datastore.get_default(self)

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The endpoints by name."""
        from orris.sdk.endpoint import Endpoint

        return {each.name: each for each in Endpoint.list(self)}

    @property
    def webservices(self) -> dict[str, Endpoint]:
        """The endpoints by name, under Azure's word for them."""
        return self.endpoints

    def get_run(self, run_id: str) -> Run:
        """Return a run by its id. Raises NotFound."""
        from orris.sdk.run import Run

        return Run.get(self, run_id)

    def runs(self, **filters: object) -> Iterator[Run]:
        """Yield the workspace's training runs, newest first; the filters are those of `Experiment.get_runs`."""
        from orris.sdk.run_list import list_runs

        return list_runs(self, self.resource_name, **filters)  # type: ignore[arg-type]  # checked there

    @property
    def storage(self) -> Storage:
        """How much the workspace keeps, at this moment."""
        from orris.sdk.storage import storage_of

        return storage_of(self)

    def collect_garbage(self, grace: timedelta | None = None, *, dry_run: bool = False) -> Garbage:
        """Collect what nothing needs and nobody has used for `grace`, by default as the service is set.

        The service does it by itself now and then. Raises InvalidArgument (GRACE_TOO_SHORT: under ten minutes),
        Conflict (COLLECTING_ALREADY).
        """
        from orris.sdk.storage import collect_garbage

        return collect_garbage(self, grace, dry_run=dry_run)

    @property
    def transfer(self) -> Transfer:
        """What moves files to and from the store of the workspace."""
        from orris.sdk.transfer import Transfer

        return Transfer(self.connection.artifacts, self.name, recent=self.connection.recent_trees)

    def __repr__(self) -> str:
        return f"Workspace({self.name!r})"
