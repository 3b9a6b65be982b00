"""What to run, under Azure's names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml._compute import LOW_PRIORITY, pool_of, priority_of
from azureml._data_reference import with_places
from azureml._docker import DockerConfiguration, where_there_are_containers
from azureml._names import CONSTANTS
from azureml._placeholder import refuse_given
from azureml._run_configuration import RunConfiguration
from orris.sdk import script_run_config as sdk

if TYPE_CHECKING:
    from azureml._environment import Environment
    from orris.sdk.workspace import Workspace

AZURES_LONGEST_RUN = 2_592_000  # seconds: 30 days, which is what Orris allows without being told
RETRIES_OF_LOW_PRIORITY = 3  # Azure starts what was preempted again
_KNOB = "SNAPSHOT_MAX_SIZE_BYTES"


class ScriptRunConfig:
    """A script or command, the folder it is in, and `run_config`, which says where and in what environment it runs.

    Orris's own: `distribution="joblib"` spreads what the script gives joblib over a cluster; `max_retries` is how often
    it is executed anew where not its program failed, but its machine, by default 0, or 3 on a cluster of low priority.
    Raises NotAvailable for what needs more than one process.
    """

    def __init__(
        self,
        source_directory: str | Path | None = None,
        script: str | None = None,
        arguments: Sequence[object] | None = None,
        run_config: RunConfiguration | None = None,
        _telemetry_values: Any = None,
        compute_target: Any = None,
        environment: Environment | None = None,
        distributed_job_config: Any = None,
        resume_from: Any = None,
        max_run_duration_seconds: float | None = AZURES_LONGEST_RUN,
        command: str | list[object] | None = None,
        docker_runtime_config: DockerConfiguration | None = None,
        *,
        distribution: str | None = None,
        max_retries: int | None = None,
    ) -> None:
        refuse_given("ScriptRunConfig", distributed_job_config=distributed_job_config, resume_from=resume_from)
        self.source_directory = source_directory or "."
        self.run_config = run_config or RunConfiguration()
        self.script = script or self.run_config.script
        self.command = command or self.run_config.command
        self.arguments = arguments if arguments is not None else self.run_config.arguments
        self.max_run_duration_seconds = max_run_duration_seconds
        self.distribution = distribution
        self.max_retries = max_retries
        if compute_target is not None:
            self.run_config.target = compute_target
        if environment is not None:
            self.run_config.environment = environment
        if docker_runtime_config is not None:
            self.run_config.docker = docker_runtime_config

    def to_orris(self, workspace: Workspace) -> sdk.ScriptRunConfig:
        """Return what Orris is asked to run; its environment is registered."""
        pool = pool_of(self.run_config.target)
        confinement = where_there_are_containers(self.run_config.confined(), workspace, pool)
        return sdk.ScriptRunConfig(
            source_directory=self.source_directory,
            script=self.script,
            arguments=[with_places(each) for each in self.arguments or ()],
            command=self.command,
            environment=self.run_config.environment_in(workspace),
            environment_variables=self.run_config.variables,
            max_run_duration_seconds=self._longest,
            compute_target=pool,
            snapshot_limit_bytes=snapshot_limit(),
            isolation=confinement.isolation,
            resources=confinement.resources,
            network=confinement.network,
            inputs=self.run_config.inputs_in(workspace),
            distribution=self.distribution,
            max_retries=self._retries(workspace, pool),
        )

    @property
    def _longest(self) -> float | None:
        limit = self.max_run_duration_seconds
        return self.run_config.max_run_duration_seconds if limit == AZURES_LONGEST_RUN else limit

    def _retries(self, workspace: Workspace, pool: str) -> int:
        if self.max_retries is not None:
            return self.max_retries
        return RETRIES_OF_LOW_PRIORITY if priority_of(workspace, pool) == LOW_PRIORITY else 0


def snapshot_limit() -> int | None:
    """Return the limit that was set as `azureml._restclient.snapshots_client.SNAPSHOT_MAX_SIZE_BYTES`, else None."""
    module = sys.modules.get("azureml._restclient.snapshots_client")
    limit = getattr(module, _KNOB, None)
    return None if limit in (None, CONSTANTS[_KNOB]) else int(limit)
