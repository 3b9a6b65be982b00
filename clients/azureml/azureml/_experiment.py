"""Experiments."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from azureml._errors import translated
from azureml._hyperdrive_config import HyperDriveConfig
from azureml._interactive import InteractiveRun
from azureml._placeholder import Refusing, refuse, refuse_given
from azureml._run import Run, adopted
from azureml._script_run_config import ScriptRunConfig
from azureml.exceptions import UserErrorException
from orris.sdk import experiment as sdk

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace


@translated()
class Experiment(Refusing, sdk.Experiment):
    """An experiment of a workspace; it comes into being with its first run."""

    _lacking = "archived_time get_docs_url refresh remove_tags set_tags tag tags"

    def __init__(self, workspace: Workspace, name: str, **_options: Any) -> None:
        super().__init__(workspace, name)

    @classmethod
    def list(  # type: ignore[override]  # Azure's parameters
        cls, workspace: Workspace, experiment_name: str | None = None, view_type: str = "ActiveOnly", **filters: Any
    ) -> builtins.list[Experiment]:
        """Return the workspace's experiments by name: those that are not archived, or "ArchivedOnly", or "All"."""
        refuse_given("Experiment.list", **filters)
        shown = {"ActiveOnly": False, "ArchivedOnly": True, "All": None}
        if view_type not in shown:
            raise UserErrorException(f"view_type: {view_type!r} is none of {', '.join(shown)}")
        found = sdk.Experiment.list(workspace, archived=shown[view_type])
        return [cls(workspace, each.name) for each in found if experiment_name in (None, each.name)]

    @classmethod
    def delete(cls, workspace: Workspace, experiment_id: str) -> None:  # type: ignore[override]  # Azure's parameters
        """Delete an experiment without runs, by its id, which is its name."""
        sdk.Experiment(workspace, experiment_id).delete()

    @property
    def id(self) -> str:
        """The experiment's id: its name."""
        return self.name

    def reactivate(self, new_name: str | None = None) -> None:
        """Take the experiment out of the archive."""
        refuse_given("Experiment.reactivate", new_name=new_name)
        self.unarchive()

    def start_logging(  # type: ignore[override]  # Azure's parameters
        self,
        *args: Any,
        outputs: str | Literal[False] | None = None,
        snapshot_directory: str | None = ".",
        display_name: str | None = None,
        **options: Any,
    ) -> InteractiveRun:
        """Begin a run that is this program, to be ended by `complete()` or `fail()`, or as a `with` block.

        `outputs` (default: "outputs") is a folder that is kept when it ends; False: none is.
        """
        refuse_given("Experiment.start_logging", args=list(args), **options)
        if outputs in (True, ""):
            raise UserErrorException("outputs: give the name of a folder, or False for none")
        kept = "outputs" if outputs is None else outputs or None
        begun = super().start_logging(kept, snapshot_directory, display_name)
        return InteractiveRun.adopt(begun)

    def submit(self, config: Any, tags: Mapping[str, str] | None = None, **options: Any) -> Run:
        """Submit a ScriptRunConfig or a HyperDriveConfig and return the run."""
        refuse_given("Experiment.submit", **options)
        if isinstance(config, HyperDriveConfig):
            return adopted(self.sweep(config.to_orris(self.workspace), tags))
        if not isinstance(config, ScriptRunConfig):
            refuse(f"Experiment.submit of a {type(config).__name__}", "submit a ScriptRunConfig or a HyperDriveConfig")
        return Run.adopt(super().submit(config.to_orris(self.workspace), tags))

    def get_runs(  # type: ignore[override]  # Azure's parameters
        self,
        type: str | None = None,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | str | None = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """Yield the experiment's runs, newest first: those with the tags and properties given."""
        for each in super().get_runs(tags, properties, include_children=include_children):
            if type in (None, adopted(each).type):
                yield adopted(each)

    def get_portal_url(self) -> str:
        """Return the command that lists the experiment's runs: there is no page."""
        return f"orris runs list --experiment {self.name}"

    def __repr__(self) -> str:
        return f"Experiment(Name: {self.name},\nWorkspace: {self.workspace.name})"
