"""From a ScriptRunConfig to a run that is recorded."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.duration_pb2 import Duration

from orris.errors import NotFound
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.git import git_properties
from orris.sdk.progress import bytes_shown

if TYPE_CHECKING:
    from orris.sdk.data_inputs import DatasetConsumptionConfig
    from orris.sdk.data_outputs import OutputFileDatasetConfig
    from orris.sdk.experiment import Experiment
    from orris.sdk.run import Run
    from orris.sdk.script_run_config import ScriptRunConfig
    from orris.sdk.workspace import Workspace

ResponseT = TypeVar("ResponseT")


def submit(experiment: Experiment, config: ScriptRunConfig, tags: Mapping[str, str], parent: Run | None = None) -> Run:
    """Upload, register, create; with a `parent`, as a child of that run.

    Raises InvalidArgument and NotFound before anything is created.
    """
    from orris.sdk.run import Run

    run = described(experiment, config, tags)
    run.kind = runs_pb2.RUN_KIND_TRAINING
    run.reuse = config.reuse
    if parent is not None:
        run.parent_run = parent.resource_name
    workspace = experiment.workspace
    request = runs_service_pb2.CreateRunRequest(parent=workspace.resource_name, run=run, request_id=uuid.uuid4().hex)
    stub = workspace.connection.runs
    made = Run(workspace, with_snapshot(workspace, config, request.run, lambda: stub.CreateRun(request)).run)
    for output in _data(config)[1]:
        output.fill(made)
    return made


def described(experiment: Experiment, config: ScriptRunConfig, tags: Mapping[str, str]) -> runs_pb2.Run:
    """Return what is to be run, its source uploaded and its environment registered.

    Raises InvalidArgument and NotFound.
    """
    config.check()
    workspace = experiment.workspace
    run = runs_pb2.Run(
        experiment=experiment.resource_name,
        display_name=config.display_name or "",
        script=PurePath(config.script).as_posix() if config.script else "",
        arguments=config.argument_texts,
        command=config.command_texts,
        environment=environment_name(workspace, config),
        environment_variables={key: str(value) for key, value in config.environment_variables.items()},
        pool=config.pool,
        tags={key: str(value) for key, value in tags.items()},
        properties=git_properties(Path(config.source_directory)),
        time_limit=_time_limit(config.max_run_duration_seconds),
        isolation=config.isolation_asked,
        resources=config.resources.to_message() if config.resources else None,
        network_disabled=not config.network,
        priority=config.priority,
        max_retries=config.max_retries,
        distribution=config.distribution_asked,
    )
    _add_data(run, workspace, config)
    run.snapshot = _upload_source(workspace, config, believing=True)
    return run


def with_snapshot(
    workspace: Workspace, config: ScriptRunConfig, run: runs_pb2.Run, create: Callable[[], ResponseT]
) -> ResponseT:
    """Return what `create` returns, which sends `run`; once more where the snapshot was only believed to be there.

    The request stays the same one but for a snapshot that is another meanwhile: so it makes no second run.
    """
    try:
        return create()
    except NotFound as error:
        if error.reason != "TREE_NOT_FOUND":
            raise
    run.snapshot = _upload_source(workspace, config, believing=False)
    return create()


def _upload_source(workspace: Workspace, config: ScriptRunConfig, *, believing: bool) -> str:
    return upload_folder(workspace, Path(config.source_directory), config.snapshot_limit_bytes, believing=believing)


def _add_data(run: runs_pb2.Run, workspace: Workspace, config: ScriptRunConfig) -> None:
    """Add what the run gets and leaves."""
    inputs, outputs = _data(config)
    run.inputs.extend(each.to_message(workspace) for each in inputs)
    run.outputs_to.extend(each.to_message(workspace) for each in outputs)


def _data(config: ScriptRunConfig) -> tuple[list[DatasetConsumptionConfig], list[OutputFileDatasetConfig]]:
    """Return the inputs and the outputs that are among the arguments, or beside them."""
    words = [*(config.arguments or ()), *(config.command if isinstance(config.command, list) else ())]
    if not (config.inputs or config.outputs_to or any(not isinstance(word, str) for word in words)):
        return [], []
    from orris.sdk.data_inputs import DatasetConsumptionConfig, data_of

    found = data_of(words, [*config.inputs, *config.outputs_to])
    inputs = [each for each in found if isinstance(each, DatasetConsumptionConfig)]
    return inputs, [each for each in found if not isinstance(each, DatasetConsumptionConfig)]


def upload_folder(workspace: Workspace, folder: Path, limit: int | None = None, *, believing: bool = False) -> str:
    """Upload what is in a folder but for what its ignore file names; return the tree's resource name.

    With `believing`, a tree that was there within the last minute is not asked for again: it may be gone. Raises
    ResourceExhausted when that is more than `limit` bytes.
    """
    from orris.sdk.digest_cache import DigestCache
    from orris.sdk.snapshot import snapshot

    with bytes_shown("Uploading the source") as progress:
        files = snapshot(folder, limit=limit)
        cache = DigestCache.of(folder)
        return workspace.transfer.upload(files, progress, cache=cache, believing=believing).name


def environment_name(workspace: Workspace, config: ScriptRunConfig) -> str:
    """Return the environment's resource name; one that is no name but a definition is registered."""
    from orris.sdk.environment import Environment

    if isinstance(config.environment, Environment):
        return config.environment.ensure_registered(workspace).resource_name
    return Environment.reference(workspace, config.environment)


def _time_limit(seconds: float | None) -> Duration | None:
    if seconds is None:
        return None
    limit = Duration()
    limit.FromNanoseconds(int(seconds * 1e9))
    return limit
