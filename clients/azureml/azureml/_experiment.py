"""Experiments."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from azureml._errors import translated
from azureml._placeholder import Refusing, refuse, refuse_given
from azureml._run import Run
from azureml._script_run_config import ScriptRunConfig
from orris.sdk import experiment as sdk

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace


@translated()
class Experiment(Refusing, sdk.Experiment):
    """An experiment of a workspace; it comes into being with its first run."""

    _lacking = (
        "archive archived_time delete get_docs_url id reactivate refresh remove_tags set_tags start_logging tag tags"
    )

    def __init__(self, workspace: Workspace, name: str, **_options: Any) -> None:
        super().__init__(workspace, name)

    @classmethod
    def list(cls, workspace: Workspace, **filters: Any) -> builtins.list[Experiment]:  # type: ignore[override]
        """Return the workspace's experiments by name."""
        refuse_given("Experiment.list", **filters)
        return [cls(workspace, each.name) for each in sdk.Experiment.list(workspace)]

    def submit(self, config: Any, tags: Mapping[str, str] | None = None, **options: Any) -> Run:
        """Submit a ScriptRunConfig and return the run."""
        refuse_given("Experiment.submit", **options)
        if not isinstance(config, ScriptRunConfig):
            refuse(f"Experiment.submit of a {type(config).__name__}", "submit a ScriptRunConfig")
        return Run.adopt(super().submit(config.to_orris(self.workspace), tags))

    def get_runs(  # type: ignore[override]  # Azure's parameters
        self,
        type: str | None = None,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | str | None = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """Yield the experiment's runs, newest first: those with the tags and properties given."""
        if type not in (None, Run.type):
            return
        for each in super().get_runs(tags, properties):
            yield Run.adopt(each)

    def get_portal_url(self) -> str:
        """Return the command that lists the experiment's runs: there is no page."""
        return f"orris runs list --experiment {self.name}"

    def __repr__(self) -> str:
        return f"Experiment(Name: {self.name},\nWorkspace: {self.workspace.name})"
