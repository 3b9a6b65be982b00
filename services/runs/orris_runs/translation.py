"""Between the contract's messages and the domain: runs, experiments, workspaces."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from orris.errors import InvalidArgument
from orris.names import AgentName, ExperimentName, LogName, RunName, WorkspaceName
from orris.runs.v1 import agents_service_pb2 as agents_pb
from orris.runs.v1 import runs_pb2 as pb
from orris_runs.data_translation import input_from, input_message, output_from, output_messages
from orris_runs.demands import NO_RESOURCES, Demands, Isolation, Resources
from orris_runs.experiments import Experiment
from orris_runs.model import (
    DEFAULT_POOL,
    USERS_KINDS,
    Agent,
    Attempt,
    Distribution,
    ErrorCode,
    Kind,
    NewRun,
    Program,
    Run,
    RunError,
    RunLog,
)
from orris_runs.states import State
from orris_runs.timeline import Stage, stages_of
from orris_runs.workspaces import Workspace

# Of the 4 MiB that a message may have; the rest is for what surrounds the items.
MESSAGE_BYTES = 3 * 1024 * 1024
_EPOCH = datetime.fromtimestamp(0, UTC)
_ERROR_CODES = frozenset(map(int, ErrorCode))


def run_message(run: Run) -> pb.Run:
    """Return a run as it is shown: without secrets."""
    program = run.program
    return pb.Run(
        name=run.name,
        display_name=run.display_name,
        experiment=str(ExperimentName(run.workspace, run.experiment)),
        kind=run.kind.value,  # type: ignore[arg-type]  # the numbers are the contract's
        parent_run=run.parent_run,
        state=run.state.value,  # type: ignore[arg-type]  # the same
        state_reason=run.state_reason,
        script=program.script,
        arguments=program.arguments,
        command=program.command,
        snapshot=program.snapshot,
        environment=run.environment,
        image=run.image,
        build=run.build,
        environment_variables=program.variables,
        time_limit=None if program.time_limit is None else duration(program.time_limit),
        pool=run.pool,
        tags=run.tags,
        properties=run.properties,
        submitted_by=run.submitted_by,
        create_time=timestamp(run.create_time),
        start_time=timestamp(run.start_time),
        end_time=timestamp(run.end_time),
        error=_error_message(run.error) if run.error else None,
        warnings=run.warnings,
        outputs=run.outputs,
        agent=str(AgentName(run.agent)) if run.agent else "",
        address=run.address,
        left_behind=run.left_behind,
        isolation=run.demands.isolation.value,  # type: ignore[arg-type]  # the same
        resources=resources_message(run.demands.resources),
        network_disabled=run.demands.network_disabled,
        usage=pb.RunUsage(**asdict(run.used)) if run.used else None,
        archived=run.archived,
        priority=run.priority,
        max_retries=run.max_retries,
        attempt=run.attempt,
        failed_attempts=map(_attempt_message, run.failed_attempts),
        reuse=run.reuse,
        reused_run=run.reused_run,
        distribution=program.distribution,  # type: ignore[arg-type]  # the same
        stages=map(_stage_message, stages_of(run)),
        inputs=map(input_message, program.inputs),
        outputs_to=output_messages(run.workspace, program.outputs_to, run.produced) if program.outputs_to else (),
        early_stopped=run.early_stopped,
        datasets_read=[pb.RunDataset(**asdict(each)) for each in run.datasets_read],
    )


def _stage_message(stage: Stage) -> pb.RunStage:
    return pb.RunStage(
        kind=stage.kind.value,  # type: ignore[arg-type]  # the numbers are the contract's
        start_time=timestamp(stage.start_time),
        end_time=timestamp(stage.end_time),
    )


def _attempt_message(attempt: Attempt) -> pb.RunAttempt:
    return pb.RunAttempt(
        number=attempt.number,
        agent=str(AgentName(attempt.agent)),
        start_time=timestamp(attempt.start_time),
        end_time=timestamp(attempt.end_time),
        error=_error_message(attempt.error),
    )


def new_run(parent: str, run: pb.Run, submitted_by: str) -> NewRun:
    """Return the run that is asked for; what the server sets is ignored."""
    workspace = WorkspaceName.parse(parent, field="parent").workspace
    experiment = ExperimentName.parse(run.experiment, field="run.experiment")
    if experiment.workspace != workspace:
        raise InvalidArgument("run.experiment is of another workspace", field="run.experiment", reason="INVALID_RUN")
    return NewRun(
        workspace=workspace,
        experiment=experiment.experiment,
        program=_program(run, workspace),
        kind=_kind(run.kind),
        display_name=run.display_name,
        parent_run=run.parent_run,
        environment=run.environment,
        image=run.image,
        secrets=dict(run.secret_environment_variables),
        pool=run.pool or DEFAULT_POOL,
        tags=dict(run.tags),
        properties=dict(run.properties),
        demands=Demands(isolation(run.isolation, "run.isolation"), resources(run.resources), run.network_disabled),
        submitted_by=submitted_by,
        priority=run.priority,
        max_retries=run.max_retries,
        reuse=run.reuse,
    )


def _program(run: pb.Run, workspace: str) -> Program:
    return Program(
        script=run.script,
        arguments=list(run.arguments),
        command=list(run.command),
        snapshot=run.snapshot,
        variables=dict(run.environment_variables),
        time_limit=seconds(run.time_limit) if run.HasField("time_limit") else None,
        distribution=_member(Distribution, run.distribution, "run.distribution"),
        inputs=list(map(input_from, run.inputs)),
        outputs_to=[output_from(each, workspace) for each in run.outputs_to],
    )


def isolation(number: int, field: str) -> Isolation:
    """Return an isolation by its number. Raises InvalidArgument."""
    found: Isolation = _member(Isolation, number, field)
    return found


def resources(message: pb.Resources) -> Resources:
    """Return what a message asks for, or offers."""
    return Resources(message.cpus, message.memory_bytes, message.pids, message.gpus, message.shared_memory_bytes)


def resources_message(resources: Resources) -> pb.Resources | None:
    """Return the message of resources; None where nothing is said."""
    return pb.Resources(**asdict(resources)) if resources != NO_RESOURCES else None


def log_messages(run: RunName, logs: Iterable[RunLog]) -> list[pb.RunLog]:
    """Return a run's logs as they are told of."""
    return [
        pb.RunLog(name=str(LogName(run.workspace, run.run, log.file)), size=log.size, complete=log.complete)
        for log in logs
    ]


def experiment_message(experiment: Experiment) -> pb.Experiment:
    """Return an experiment's message."""
    name = str(ExperimentName(experiment.workspace, experiment.id))
    return pb.Experiment(
        name=name,
        create_time=timestamp(experiment.create_time),
        archived=experiment.archived,
        max_concurrent_runs=experiment.max_concurrent_runs,
    )


def agent_message(agent: Agent) -> agents_pb.Agent:
    """Return an agent's message."""
    return agents_pb.Agent(
        name=str(AgentName(agent.id)),
        pool=agent.pool,
        slots=agent.slots,
        replica_slots=agent.replica_slots,
        platform=agent.platform,
        hostname=agent.hostname,
        connected=agent.connected,
        last_seen_time=timestamp(agent.last_seen_time),
        runs=agent.runs,
        isolations=[each.value for each in agent.isolations],  # type: ignore[misc]  # the numbers are the contract's
        resources=resources_message(agent.resources),
        draining=agent.draining,
        abilities=sorted(agent.abilities),
    )


def workspace_message(workspace: Workspace) -> pb.Workspace:
    """Return a workspace's message."""
    return pb.Workspace(
        name=str(WorkspaceName(workspace.id)),
        description=workspace.description,
        create_time=timestamp(workspace.create_time),
    )


def run_error(message: pb.RunError) -> RunError:
    """Return an error as an agent reports it."""
    code = ErrorCode(message.code) if message.code in _ERROR_CODES else ErrorCode.SYSTEM
    exit_code = message.exit_code if message.HasField("exit_code") else None
    return RunError(code, message.message, exit_code, message.signal, message.details, message.label)


def states(numbers: Iterable[int]) -> list[State]:
    """Return states by their numbers. Raises InvalidArgument."""
    return [_member(State, number, "states") for number in numbers]


def kinds(numbers: Iterable[int]) -> list[Kind]:
    """Return kinds by their numbers, those of users where there are none. Raises InvalidArgument."""
    return [_member(Kind, number, "kinds") for number in numbers] or [*USERS_KINDS]


def archived(view: int) -> list[bool]:
    """Return which values of `archived` a view has. Raises InvalidArgument."""
    shown = {pb.ARCHIVE_VIEW_UNSPECIFIED: [False], pb.ARCHIVE_VIEW_ARCHIVED: [True], pb.ARCHIVE_VIEW_ALL: [False, True]}
    for number, found in shown.items():
        if number == view:
            return found
    raise InvalidArgument(f"view: {view} is not one of the contract's values", field="view")


def timestamp(time: datetime | None) -> Timestamp | None:
    """Return a moment's message."""
    if time is None:
        return None
    since = time - _EPOCH  # a fifth of the time that Timestamp.FromDatetime takes
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def moment(message: Any, field: str) -> datetime | None:
    """Return the moment in a field of a message; None when it is not set. Raises InvalidArgument."""
    if not message.HasField(field):
        return None
    try:
        found: datetime = getattr(message, field).ToDatetime(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{field} is no time between the years 1 and 9999", field=field) from error
    return found


def duration(length: float) -> Duration:
    """Return the message of a duration in seconds."""
    whole = int(length)
    return Duration(seconds=whole, nanos=round((length - whole) * 1e9))


def seconds(message: Duration) -> float:
    """Return a duration in seconds."""
    return message.seconds + message.nanos / 1e9


def fitting(messages: Iterable[Any]) -> list[Any]:
    """Return the first messages, at least one, that fit into one response together."""
    taken: list[Any] = []
    room = MESSAGE_BYTES
    for message in messages:
        room -= message.ByteSize() + 8
        if room < 0 and taken:
            break
        taken.append(message)
    return taken


def _kind(number: int) -> Kind:
    return _member(Kind, number, "run.kind") if number else Kind.TRAINING


def _member(members: Any, number: int, field: str) -> Any:
    try:
        return members(number)
    except ValueError as error:
        raise InvalidArgument(f"{field}: {number} is not one of the contract's values", field=field) from error


def _error_message(error: RunError) -> pb.RunError:
    return pb.RunError(
        code=error.code.value,  # type: ignore[arg-type]  # the numbers are the contract's
        message=error.message,
        exit_code=error.exit_code,
        signal=error.signal,
        details=error.details,
        label=error.label,
    )
