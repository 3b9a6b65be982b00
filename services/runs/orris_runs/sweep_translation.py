"""Between the contract's messages and the domain: sweeps."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from orris.errors import InvalidArgument
from orris.names import ExperimentName
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import sweeps_pb2 as pb
from orris_runs.event_translation import scalar, value_message
from orris_runs.model import NewRun
from orris_runs.states import State
from orris_runs.sweeps.plan import DEFAULT_SECONDS, Plan
from orris_runs.sweeps.policies import Policy, Rule
from orris_runs.sweeps.recording import new_seed, sweep_run
from orris_runs.sweeps.sampling import Method
from orris_runs.sweeps.space import Choice, Condition, Distribution, Normal, Parameter, Randint, Range, Value
from orris_runs.sweeps.sweeps import Sweep
from orris_runs.sweeps.trials import WAITING, Trial, best_of
from orris_runs.translation import duration, new_run, resources_message, run_message, seconds, timestamp


def new_sweep(parent: str, sweep: pb.Sweep, submitted_by: str) -> tuple[Plan, NewRun]:
    """Return what a sweep is to do, and the run that it is; what the server sets is ignored. Raises InvalidArgument."""
    message = runs_pb2.Run()
    message.CopyFrom(sweep.trial)
    if not message.experiment:
        message.experiment = sweep.run.experiment
    ExperimentName.parse(message.experiment, field="sweep.run.experiment")
    if sweep.run.experiment not in ("", message.experiment):
        raise _wrong("trial.experiment", "trials are of the sweep's experiment; leave it out")
    trial = new_run(parent, message, submitted_by)
    plan = Plan(
        trial=trial,
        space=tuple(map(_parameter, sweep.parameters)),
        method=_method(sweep.sampling.method),
        seed=sweep.sampling.seed if sweep.sampling.HasField("seed") else new_seed(),
        metric=sweep.metric,
        maximize=_maximize(sweep.goal),
        policy=_policy(sweep.policy) if sweep.HasField("policy") else None,
        max_total=sweep.max_total_runs,
        planned=sweep.max_total_runs,
        max_concurrent=sweep.max_concurrent_runs,
        max_seconds=seconds(sweep.max_duration) if sweep.HasField("max_duration") else DEFAULT_SECONDS,
        resume_from=tuple(sweep.resume_from),
        resume_runs=tuple(sweep.resume_runs),
    )
    labels = {"tags": dict(sweep.run.tags), "properties": dict(sweep.run.properties)}
    return plan, sweep_run(plan, display_name=sweep.run.display_name, **labels)


def sweep_message(sweep: Sweep) -> pb.Sweep:
    """Return a sweep as it is shown: without secrets."""
    plan = sweep.plan
    best = best_of(plan, sweep.trials)
    return pb.Sweep(
        run=run_message(sweep.run),
        trial=_trial_template(plan.trial),
        parameters=map(_parameter_message, plan.space),
        sampling=pb.SweepSampling(method=plan.method.value, seed=plan.seed),  # type: ignore[arg-type]  # its numbers
        metric=plan.metric,
        goal=pb.Sweep.GOAL_MAXIMIZE if plan.maximize else pb.Sweep.GOAL_MINIMIZE,
        policy=_policy_message(plan.policy) if plan.policy else None,
        max_total_runs=plan.max_total,
        max_concurrent_runs=plan.max_concurrent,
        max_duration=duration(plan.max_seconds),
        resume_from=plan.resume_from,
        resume_runs=plan.resume_runs,
        best=trial_message(best) if best else None,
        planned_trials=plan.planned,
        counts=_counts(sweep.trials),
    )


def trial_message(trial: Trial) -> pb.SweepTrial:
    """Return a trial's message."""
    return pb.SweepTrial(
        number=trial.number,
        run=trial.run,
        hyperparameters={name: value_message(value) for name, value in trial.hyperparameters.items()},
        state=trial.state.value,  # type: ignore[arg-type]  # the numbers are the contract's
        early_stopped=trial.early_stopped,
        best_value=trial.best,
        last_value=trial.last,
        interval=trial.interval,
        start_time=timestamp(trial.start_time),
        end_time=timestamp(trial.end_time),
        reason=trial.reason,
    )


def _counts(trials: Sequence[Trial]) -> pb.SweepCounts:
    ended = [trial for trial in trials if trial.ended]
    return pb.SweepCounts(
        total=len(trials),
        waiting=_count(trial.state in WAITING for trial in trials),
        running=_count(not trial.ended and trial.state not in WAITING for trial in trials),
        completed=_count(trial.state is State.COMPLETED for trial in ended),
        early_stopped=_count(trial.stopped for trial in ended),
        failed=_count(trial.state is State.FAILED for trial in ended),
        canceled=_count(trial.state is State.CANCELED and not trial.stopped for trial in ended),
        without_metric=_count(trial.best is None for trial in ended),
    )


def _count(holds: Iterable[bool]) -> int:
    return sum(holds)


def _trial_template(trial: NewRun) -> runs_pb2.Run:
    program = trial.program
    demands = trial.demands
    return runs_pb2.Run(
        script=program.script,
        arguments=program.arguments,
        command=program.command,
        snapshot=program.snapshot,
        environment=trial.environment,
        image=trial.image,
        pool=trial.pool,
        environment_variables=program.variables,
        time_limit=None if program.time_limit is None else duration(program.time_limit),
        isolation=demands.isolation.value,  # type: ignore[arg-type]  # the same
        resources=resources_message(demands.resources),
        network_disabled=demands.network_disabled,
        tags=trial.tags,
        properties=trial.properties,
        max_retries=trial.max_retries,
        priority=trial.priority,
    )


def _parameter(message: pb.SweepParameter) -> Parameter:
    condition = None
    if message.HasField("condition"):
        condition = Condition(message.condition.parameter, _values(message.condition.values))
    return Parameter(message.name, _distribution(message), condition)


def _distribution(message: pb.SweepParameter) -> Distribution:
    match message.WhichOneof("distribution"):
        case "choice":
            return Choice(_values(message.choice.values))
        case "randint":
            return Randint(message.randint.upper)
        case "uniform":
            return _range(message.uniform, logarithmic=False)
        case "loguniform":
            return _range(message.loguniform, logarithmic=True)
        case "normal":
            return _normal(message.normal, logarithmic=False)
        case "lognormal":
            return _normal(message.lognormal, logarithmic=True)
    raise _wrong("parameters", f"{message.name[:100]!r}: say which values it may have: a choice, uniform, …")


def _range(message: pb.SweepRange, *, logarithmic: bool) -> Range:
    return Range(message.minimum, message.maximum, message.quantum, logarithmic)


def _normal(message: pb.SweepNormal, *, logarithmic: bool) -> Normal:
    return Normal(message.mean, message.deviation, message.quantum, logarithmic)


def _values(messages: Iterable[runs_pb2.MetricValue]) -> tuple[Value, ...]:
    values: list[Value] = []
    for message in messages:
        value = scalar(message)
        if value is None:
            raise _wrong("parameters", "a value is a number, a truth value or a text, not null")
        values.append(value)
    return tuple(values)


def _parameter_message(parameter: Parameter) -> pb.SweepParameter:
    message = pb.SweepParameter(name=parameter.name)
    match parameter.distribution:
        case Choice(values):
            message.choice.values.extend(map(value_message, values))
        case Randint(upper):
            message.randint.upper = upper
        case Range(minimum, maximum, quantum, logarithmic):
            bounds = pb.SweepRange(minimum=minimum, maximum=maximum, quantum=quantum)
            (message.loguniform if logarithmic else message.uniform).CopyFrom(bounds)
        case Normal(mean, deviation, quantum, logarithmic):
            bell = pb.SweepNormal(mean=mean, deviation=deviation, quantum=quantum)
            (message.lognormal if logarithmic else message.normal).CopyFrom(bell)
    if parameter.condition is not None:
        message.condition.parameter = parameter.condition.parameter
        message.condition.values.extend(map(value_message, parameter.condition.values))
    return message


def _method(number: int) -> Method:
    try:
        return Method(number)
    except ValueError:
        raise _wrong("sampling.method", "one of GRID, RANDOM, SOBOL, TPE, GAUSSIAN_PROCESS") from None


def _maximize(goal: int) -> bool:
    if goal not in (pb.Sweep.GOAL_MAXIMIZE, pb.Sweep.GOAL_MINIMIZE):
        raise _wrong("goal", "say whether the metric is to be as large or as small as possible: MAXIMIZE or MINIMIZE")
    return goal == pb.Sweep.GOAL_MAXIMIZE


def _policy(message: pb.SweepPolicy) -> Policy:
    interval, delay = message.evaluation_interval or 1, message.delay_evaluation
    match message.WhichOneof("kind"):
        case "bandit":
            slack = message.bandit
            return Policy(Rule.BANDIT, interval, delay, slack.slack_factor, slack.slack_amount)
        case "median_stopping":
            return Policy(Rule.MEDIAN_STOPPING, interval, delay)
        case "truncation_selection":
            worst = message.truncation_selection
            found = Policy(Rule.TRUNCATION_SELECTION, interval, delay)
            return replace(found, percentage=worst.percentage, exclude_finished=worst.exclude_finished)
        case "asha":
            rungs = message.asha
            first, factor = rungs.min_interval or 1, rungs.reduction_factor or 4
            return Policy(Rule.ASHA, min_interval=first, reduction_factor=factor)
    raise _wrong("policy", "say which: bandit, median_stopping, truncation_selection or asha; or leave it out")


def _policy_message(policy: Policy) -> pb.SweepPolicy:
    message: Any = pb.SweepPolicy(evaluation_interval=policy.interval, delay_evaluation=policy.delay)
    match policy.rule:
        case Rule.BANDIT if policy.slack_amount:
            message.bandit.slack_amount = policy.slack_amount
        case Rule.BANDIT:
            message.bandit.slack_factor = policy.slack_factor
        case Rule.MEDIAN_STOPPING:
            message.median_stopping.SetInParent()
        case Rule.TRUNCATION_SELECTION:
            message.truncation_selection.percentage = policy.percentage
            message.truncation_selection.exclude_finished = policy.exclude_finished
        case Rule.ASHA:
            message.asha.min_interval = policy.min_interval
            message.asha.reduction_factor = policy.reduction_factor
    return message  # type: ignore[no-any-return]  # Any: the fields of the kind differ


def _wrong(field: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"sweep.{field}: {what}", field=f"sweep.{field}", reason="INVALID_SWEEP")
