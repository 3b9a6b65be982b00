"""An experiment: runs with one purpose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from orris.names import ExperimentName
from orris.runs.v1 import runs_service_pb2
from orris.sdk.paging import pages
from orris.sdk.run_list import list_runs

if TYPE_CHECKING:
    from orris.sdk.run import Run
    from orris.sdk.script_run_config import ScriptRunConfig
    from orris.sdk.workspace import Workspace


class Experiment:
    """An experiment of a workspace; it comes into being with its first run.

    Raises InvalidArgument when the name cannot be one.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self.name = name
        self.resource_name = str(ExperimentName(workspace.name, name))

    @classmethod
    def list(cls, workspace: Workspace) -> list[Experiment]:
        """Return the workspace's experiments by name."""
        request = runs_service_pb2.ListExperimentsRequest(parent=workspace.resource_name)
        found = pages(workspace.connection.runs.ListExperiments, request, lambda page: page.experiments)
        return [cls(workspace, ExperimentName.parse(each.name).experiment) for each in found]

    def submit(self, config: ScriptRunConfig, tags: Mapping[str, str] | None = None) -> Run:
        """Upload what the script needs and submit it; return the run, which is durable then.

        Raises InvalidArgument when the configuration cannot be used, NotFound when the environment does not exist.
        """
        from orris.sdk.submission import submit

        return submit(self, config, tags or {})

    def get_runs(
        self,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | str | None = None,
        *,
        status: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Run]:
        """Yield the experiment's runs, newest first: those with the tags, properties and status given."""
        return list_runs(
            self.workspace, self.resource_name, tags=tags, properties=properties, status=status, limit=limit
        )

    def __repr__(self) -> str:
        return f"Experiment({self.workspace.name!r}, {self.name!r})"
