"""What is known of a run, under the keys that Azure's get_details has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orris.names import DatasetVersionName, parse_environment
from orris.runs.v1 import runs_pb2
from orris.sdk import run_files
from orris.sdk.distribution import distribution_name
from orris.sdk.resources import isolation_name, resources_details
from orris.sdk.spelling import moment, spell, utc_text

if TYPE_CHECKING:
    from orris.sdk.run import Run


_STAGES = runs_pb2.DESCRIPTOR.message_types_by_name["RunStage"].enum_types_by_name["Kind"]
USERS = frozenset({runs_pb2.RunError.CODE_USER_PROGRAM, runs_pb2.RunError.CODE_OUT_OF_MEMORY})


def details(run: Run) -> dict[str, Any]:
    """Return the details of a run as last seen. Keys without a value (endTimeUtc of a running run) are left out."""
    message = run.message
    interactive = message.kind == runs_pb2.RUN_KIND_INTERACTIVE
    found = {
        "runId": run.id,
        "target": "sdk" if interactive else message.pool or "local",
        "status": run.status,
        "statusReason": message.state_reason,
        "image": message.image.rpartition("/")[2] or None,
        "earlyStopped": message.early_stopped or None,
        "startTimeUtc": utc_text(message.start_time),
        "endTimeUtc": utc_text(message.end_time),
        "submittedBy": message.submitted_by,
        "error": error(message),
        "usage": usage(message),
        "stages": [_stage(each) for each in message.stages] or None,
        "warnings": [{"source": "Orris", "message": text} for text in message.warnings] or None,
        "attempt": message.attempt or 1,
        "failedAttempts": [_attempt(each) for each in message.failed_attempts] or None,
        "properties": {**_snapshot_id(message), **run.properties},
        "inputDatasets": [*map(_input, message.inputs), *map(_read, message.datasets_read)],
        "outputDatasets": [_output(each) for each in message.outputs_to],
        "runDefinition": definition(message),
        "logFiles": {name: f"{message.name}/logs/{name}" for name in run_files.log_names(run)},
    }
    return {key: value for key, value in found.items() if value is not None}


def _snapshot_id(message: runs_pb2.Run) -> dict[str, str]:
    return {"ContentSnapshotId": message.snapshot.rpartition("/")[2]} if message.snapshot else {}


def definition(message: runs_pb2.Run) -> dict[str, Any]:
    """Return what was asked for."""
    return {
        "script": message.script,
        "command": list(message.command),
        "arguments": list(message.arguments),
        "target": message.pool or "local",
        "maxRunDurationSeconds": message.time_limit.seconds if message.HasField("time_limit") else None,
        "environmentVariables": dict(message.environment_variables),
        "environment": environment(message.environment),
        "isolation": isolation_name(message.isolation),
        "resources": resources_details(message.resources),
        "network": not message.network_disabled,
        "priority": message.priority,
        "maxRetries": message.max_retries,
        "reuse": message.reuse,
        "distribution": distribution_name(message.distribution),
    }


def _stage(message: runs_pb2.RunStage) -> dict[str, Any]:
    return {
        "stage": spell(_STAGES, message.kind, "KIND_"),
        "startTimeUtc": utc_text(message.start_time),
        "endTimeUtc": utc_text(message.end_time),
        "seconds": _seconds(message),
    }


def _seconds(message: runs_pb2.RunStage) -> float | None:
    """Return how long a stage took; None while it lasts."""
    begin, end = moment(message.start_time), moment(message.end_time)
    return None if begin is None or end is None else max(0.0, (end - begin).total_seconds())


def _input(message: runs_pb2.RunInput) -> dict[str, Any]:
    return {
        "dataset": {"id": message.id, **_version(message.dataset)},
        "consumptionDetails": {
            "type": "RunInput",
            "inputName": message.name,
            "mechanism": runs_pb2.RunInput.Mode.Name(message.mode).removeprefix("MODE_").capitalize(),
            "pathOnCompute": message.path_on_compute or None,
        },
    }


def _read(message: runs_pb2.RunDataset) -> dict[str, Any]:
    """Return what a run has asked for by itself: it has no name there."""
    return {"dataset": {"id": message.id, **_version(message.dataset)}, "consumptionDetails": {"type": "Reference"}}


def _output(message: runs_pb2.RunOutput) -> dict[str, Any]:
    return {
        "dataset": _version(message.dataset) or _files(message.tree),
        "outputType": "RunOutput",
        "outputDetails": {"outputName": message.name, "datastore": message.datastore.rpartition("/")[2]},
    }


def _files(tree: str) -> dict[str, Any] | None:
    """Return what files are that are not registered; None where there are none."""
    if not tree:
        return None
    from orris.tables import dataset_id

    return {"id": dataset_id(tree.rpartition("/")[2])}


def _version(name: str) -> dict[str, Any]:
    """Return the name and version of a registered dataset; nothing where it is not registered."""
    if not name:
        return {}
    found = DatasetVersionName.parse(name)
    return {"name": found.dataset, "version": int(found.version)}


def _attempt(message: runs_pb2.RunAttempt) -> dict[str, Any]:
    return {
        "number": message.number,
        "agent": message.agent.rpartition("/")[2],
        "startTimeUtc": utc_text(message.start_time),
        "endTimeUtc": utc_text(message.end_time),
        "error": f"{runs_pb2.RunError.Code.Name(message.error.code)}: {message.error.message}",
    }


def usage(message: runs_pb2.Run) -> dict[str, float] | None:
    """Return what a run used, None while that is not known. Azure has no such key."""
    if not message.HasField("usage"):
        return None
    return {"cpuSeconds": message.usage.cpu_seconds, "maxMemoryBytes": message.usage.max_memory_bytes}


def environment(name: str) -> dict[str, str | None]:
    """Return name and version of an environment."""
    if not name:
        return {"name": None, "version": None}
    parsed = parse_environment(name)
    return {"name": parsed.environment, "version": getattr(parsed, "version", None)}


def error(message: runs_pb2.Run) -> dict[str, Any] | None:
    """Return why a run failed, in Azure's nesting; None if it did not."""
    if not message.HasField("error"):
        return None
    own = {
        "code": message.error.label or ("UserError" if message.error.code in USERS else "ServiceError"),
        "message": message.error.message,
        "details": [{"code": runs_pb2.RunError.Code.Name(message.error.code), "message": message.error.details}],
    }
    return {"error": own}
