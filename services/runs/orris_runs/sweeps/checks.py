"""What a sweep must look like. Bad fields are all named at once, each with what to do about it."""

import math
from collections.abc import Iterator
from itertools import pairwise

from orris.errors import FieldViolation, InvalidArgument
from orris.names import RunName
from orris_kit.text import is_text
from orris_runs import limits
from orris_runs.checks import check_run
from orris_runs.model import Kind
from orris_runs.sweeps.plan import MOST_AT_A_TIME, Plan, option_of
from orris_runs.sweeps.policies import Policy, Rule
from orris_runs.sweeps.sampling import LEARNING, Method
from orris_runs.sweeps.space import (
    LARGEST_LOGARITHM,
    Choice,
    Normal,
    Parameter,
    Randint,
    Range,
    Value,
    index_of,
)

TRIALS = 1000
PARAMETERS = 100
CHOICES = 1000
NAME_CHARACTERS = 255
VALUE_CHARACTERS = 1000
# Of all values together: a sweep is shown whole, again and again.
SPACE_CHARACTERS = 64 * 1024
RESUMED_SWEEPS = 5
UPPER = 2**53


def check_plan(plan: Plan) -> None:
    """Raise InvalidArgument (INVALID_SWEEP, or INVALID_RUN for what a trial executes)."""
    found = [FieldViolation(f"sweep.{where}", f"sweep.{where}: {what}") for where, what in _wrong(plan)]
    if found:
        message = "; ".join(violation.description for violation in found[:3])
        raise InvalidArgument(message, violations=found[:20], reason="INVALID_SWEEP")
    check_run(plan.trial)


def _wrong(plan: Plan) -> Iterator[tuple[str, str]]:
    if not plan.metric or not is_text(plan.metric, limits.METRIC_NAME):
        yield "metric", f"name the metric that trials log and that is compared, 1 to {limits.METRIC_NAME} characters"
    if not 1 <= plan.max_total <= TRIALS:
        yield "max_total_runs", f"1 to {TRIALS:,}"
    if not 0 <= plan.max_concurrent <= MOST_AT_A_TIME:
        yield "max_concurrent_runs", f"1 to {MOST_AT_A_TIME}; 0 means as many as there are, up to {MOST_AT_A_TIME}"
    if not 0 < plan.max_seconds <= limits.TIME_LIMIT_SECONDS:
        yield "max_duration", "more than 0 seconds and at most 366 days"
    if plan.trial.kind is not Kind.TRAINING:
        yield "trial.kind", "trials are training runs; leave it out"
    if plan.trial.reuse:
        yield "trial.reuse", "trials are all different; leave it out"
    yield from _wrong_parameters(plan)
    yield from _wrong_resumption(plan)
    if plan.policy is not None:
        yield from _wrong_policy(plan.policy)


def _wrong_parameters(plan: Plan) -> Iterator[tuple[str, str]]:
    if not 1 <= len(plan.space) <= PARAMETERS:
        yield "parameters", f"1 to {PARAMETERS} hyperparameters, each with the values that it may have"
    choices = [each.distribution.values for each in plan.space if isinstance(each.distribution, Choice)]
    if sum(len(str(value)) for values in choices for value in values) > SPACE_CHARACTERS:
        yield "parameters", f"at most {SPACE_CHARACTERS:,} characters of values together; keep them in a file"
    known: dict[str, Parameter] = {}
    for parameter in plan.space:
        for what in _wrong_parameter(plan, parameter, known):
            yield "parameters", f"{parameter.name[:100]!r}: {what}"
        known[option_of(parameter.name)] = parameter


def _wrong_parameter(plan: Plan, parameter: Parameter, known: dict[str, Parameter]) -> Iterator[str]:
    name, distribution = parameter.name, parameter.distribution
    if not name or not is_text(name, NAME_CHARACTERS) or any(each.isspace() or each == "=" for each in name):
        yield f"a name is 1 to {NAME_CHARACTERS} characters, without spaces and ="
    if option_of(name) in known:
        yield "it is there twice; give it once"
    yield from _wrong_distribution(parameter)
    if plan.method is Method.GRID and not isinstance(distribution, Choice):
        yield "a grid needs choices; list the values, or sample at random"
    if plan.method in LEARNING and isinstance(distribution, Normal):
        yield "Bayesian sampling needs bounds, which normal and lognormal have not; use uniform or loguniform"
    condition = parameter.condition
    if condition is None:
        return
    other = next((each for each in known.values() if each.name == condition.parameter), None)
    if other is None or not isinstance(other.distribution, Choice):
        yield f"its condition names {condition.parameter[:100]!r}, which is no choice named before it"
    elif not condition.values or any(index_of(each, other.distribution.values) is None for each in condition.values):
        yield f"its condition needs values that {condition.parameter[:100]!r} may have"


def _wrong_distribution(parameter: Parameter) -> Iterator[str]:
    match parameter.distribution:
        case Choice(values):
            yield from _wrong_choices(values)
        case Randint(upper):
            if not 1 <= upper <= UPPER:
                yield f"randint: numbers from 0 to one less than `upper`, which is 1 to {UPPER:,}"
        case Range(minimum, maximum, quantum, logarithmic):
            largest = LARGEST_LOGARITHM if logarithmic else 1e300
            if not (-largest <= minimum <= maximum <= largest):
                also = f"; they are logarithms, at most {LARGEST_LOGARITHM:g}" if logarithmic else ""
                yield f"the smallest value comes first, then the largest{also}, not {minimum!r} and {maximum!r}"
            yield from _wrong_quantum(quantum)
        case Normal(mean, deviation, quantum, _):
            if not (math.isfinite(mean) and 0 < deviation < math.inf):
                yield f"a finite mean and a standard deviation over 0, not {mean!r} and {deviation!r}"
            yield from _wrong_quantum(quantum)


def _wrong_choices(values: tuple[Value, ...]) -> Iterator[str]:
    if not 1 <= len(values) <= CHOICES:
        yield f"1 to {CHOICES:,} values, not {len(values)}"
    if any(isinstance(each, str) and not is_text(each, VALUE_CHARACTERS) for each in values):
        yield f"text of at most {VALUE_CHARACTERS:,} characters, without NUL"
    if any(isinstance(each, float) and not math.isfinite(each) for each in values):
        yield "numbers must be finite"
    ordered = sorted((type(each).__name__, str(each)) for each in values)
    if any(one == other for one, other in pairwise(ordered)):
        yield "values must be different"


def _wrong_quantum(quantum: float) -> Iterator[str]:
    if not 0 <= quantum < math.inf:
        yield f"values are rounded to multiples of a number over 0, not {quantum!r}"


def _wrong_resumption(plan: Plan) -> Iterator[tuple[str, str]]:
    if len(plan.resume_from) > RESUMED_SWEEPS:
        yield "resume_from", f"at most {RESUMED_SWEEPS} sweeps"
    if len(plan.resume_runs) > TRIALS:
        yield "resume_runs", f"at most {TRIALS:,} runs"
    for where, names in (("resume_from", plan.resume_from), ("resume_runs", plan.resume_runs)):
        for name in names:
            try:
                fits = RunName.parse(name).workspace == plan.trial.workspace
            except InvalidArgument:
                fits = False
            if not fits:
                yield where, f"{name[:200]!r} is no run of the workspace {plan.trial.workspace!r}"


def _wrong_policy(policy: Policy) -> Iterator[tuple[str, str]]:
    if policy.interval < 1 or policy.delay < 0:
        yield "policy", "evaluation_interval is 1 or more, delay_evaluation 0 or more"
    if policy.rule is Rule.BANDIT:
        slacks = (policy.slack_factor, policy.slack_amount)
        if sum(slack != 0 for slack in slacks) != 1 or not all(0 <= slack < math.inf for slack in slacks):
            yield "policy.bandit", "give either slack_factor or slack_amount, over 0"
    if policy.rule is Rule.TRUNCATION_SELECTION and not 1 <= policy.percentage <= 99:
        yield "policy.truncation_selection", "percentage is 1 to 99"
    if policy.rule is Rule.ASHA and not (policy.min_interval >= 1 and 2 <= policy.reduction_factor <= 100):
        yield "policy.asha", "min_interval is 1 or more, reduction_factor 2 to 100"
