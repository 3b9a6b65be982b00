"""An experiment: runs with one purpose."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orris.errors import NotFound
from orris.names import ExperimentName
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.paging import pages
from orris.sdk.run_list import VIEWS, list_runs
from orris.sdk.spelling import moment

if TYPE_CHECKING:
    from orris.sdk.interactive import InteractiveRun
    from orris.sdk.run import Run
    from orris.sdk.script_run_config import ScriptRunConfig
    from orris.sdk.sweep import Sweep
    from orris.sdk.sweep_config import SweepConfig
    from orris.sdk.workspace import Workspace


class Experiment:
    """An experiment of a workspace; it comes into being with its first run.

    Raises InvalidArgument when the name cannot be one.
    """

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self.name = name
        self.resource_name = str(ExperimentName(workspace.name, name))
        self._message: runs_pb2.Experiment | None = None

    @classmethod
    def list(cls, workspace: Workspace, *, archived: bool | None = False) -> list[Experiment]:
        """Return the workspace's experiments by name; `archived`: only archived ones, or (None) those as well."""
        request = runs_service_pb2.ListExperimentsRequest(parent=workspace.resource_name, view=VIEWS[archived])
        found = pages(workspace.connection.runs.ListExperiments, request, lambda page: page.experiments)
        experiments = []
        for message in found:
            experiments.append(cls(workspace, ExperimentName.parse(message.name).experiment))
            experiments[-1]._message = message
        return experiments

    @property
    def created(self) -> datetime | None:
        """When it came into being (UTC). Raises NotFound."""
        return moment(self._seen.create_time)

    @property
    def max_concurrent_runs(self) -> int:
        """How many of its runs are executed at a time, as last seen; 0 means any number. Raises NotFound."""
        return self._seen.max_concurrent_runs

    @property
    def _seen(self) -> runs_pb2.Experiment:
        if self._message is None:
            request = runs_service_pb2.GetExperimentRequest(name=self.resource_name)
            self._message = self.workspace.connection.runs.GetExperiment(request).experiment
        return self._message

    def update(self, *, max_concurrent_runs: int) -> Experiment:
        """Set how many of its runs are executed at a time, 0 for any number; return it.

        An experiment that does not exist yet comes into being. Those executed already go on. Raises InvalidArgument.
        """
        runs = self.workspace.connection.runs
        request = runs_service_pb2.CreateExperimentRequest(
            parent=self.workspace.resource_name, experiment_id=self.name, request_id=uuid.uuid4().hex
        )
        runs.CreateExperiment(request)
        wanted = runs_pb2.Experiment(name=self.resource_name, max_concurrent_runs=max_concurrent_runs)
        updated = runs.UpdateExperiment(runs_service_pb2.UpdateExperimentRequest(experiment=wanted))
        self._message = updated.experiment
        return self

    def submit(self, config: ScriptRunConfig, tags: Mapping[str, str] | None = None) -> Run:
        """Upload what the script needs and submit it; return the run, which is durable then.

        Raises InvalidArgument when the configuration cannot be used, NotFound when the environment does not exist.
        """
        from orris.sdk.submission import submit

        return submit(self, config, tags or {})

    def sweep(self, config: SweepConfig, tags: Mapping[str, str] | None = None) -> Sweep:
        """Upload what the script needs and begin a sweep over it; return the sweep, which goes on by itself.

        Raises InvalidArgument when the configuration cannot be used, NotFound when the environment does not exist.
        """
        from orris.sdk.sweep import begin

        return begin(self, config, tags or {})

    def start_logging(
        self,
        outputs: str | None = "outputs",
        snapshot_directory: str | Path | None = ".",
        display_name: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> InteractiveRun:
        """Begin a run that is this program: log to it, and end it with `complete()`, `fail()` or a `with` block.

        What is in the folder `snapshot_directory` is kept as its source (None: nothing), and what is in the folder
        `outputs`, which is made, when it ends (None: nothing). Raises ResourceExhausted when the source is too large.
        """
        from orris.sdk.interactive import begin

        return begin(
            self.workspace,
            self.resource_name,
            name=display_name,
            outputs=outputs,
            snapshot_directory=snapshot_directory,
            tags=tags,
        )

    def get_runs(
        self,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | str | None = None,
        *,
        status: str | None = None,
        limit: int | None = None,
        include_children: bool = False,
        archived: bool | None = False,
    ) -> Iterator[Run]:
        """Yield the experiment's runs, newest first: those with the tags, properties and status given.

        Children are left out unless `include_children`. `archived`: only archived ones, or (None) those as well.
        """
        return list_runs(
            self.workspace,
            self.resource_name,
            tags=tags,
            properties=properties,
            status=status,
            limit=limit,
            include_children=include_children,
            archived=archived,
        )

    @property
    def archived(self) -> bool:
        """Whether lists leave it out, as the server says now; False before it has come into being."""
        request = runs_service_pb2.GetExperimentRequest(name=self.resource_name)
        try:
            return self.workspace.connection.runs.GetExperiment(request).experiment.archived
        except NotFound:
            return False

    def archive(self) -> None:
        """Let lists leave it out unless they are asked for it. Nothing is removed. Raises NotFound."""
        request = runs_service_pb2.ArchiveExperimentRequest(name=self.resource_name)
        self.workspace.connection.runs.ArchiveExperiment(request)

    def unarchive(self) -> None:
        """Let lists have it again. Raises NotFound."""
        request = runs_service_pb2.UnarchiveExperimentRequest(name=self.resource_name)
        self.workspace.connection.runs.UnarchiveExperiment(request)

    def delete(self) -> None:
        """Delete it. Raises NotFound, FailedPrecondition when it has runs."""
        request = runs_service_pb2.DeleteExperimentRequest(name=self.resource_name)
        self.workspace.connection.runs.DeleteExperiment(request)

    def __repr__(self) -> str:
        return f"Experiment({self.workspace.name!r}, {self.name!r})"
