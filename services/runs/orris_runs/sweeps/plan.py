"""What a sweep is to do, fixed when it is recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from orris_runs.model import NewRun
from orris_runs.sweeps.policies import Policy
from orris_runs.sweeps.sampling import Known, Method
from orris_runs.sweeps.space import Parameter, Value

DEFAULT_SECONDS = 7 * 24 * 3600.0
MOST_AT_A_TIME = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep as it was asked for. `trial` is what each trial executes, of the sweep's workspace and experiment.

    `planned` is how many trials there will be at most, `first` are hyperparameters that are tried before any are
    chosen, `earlier` what is known from other sweeps.
    """

    trial: NewRun
    space: tuple[Parameter, ...]
    method: Method
    seed: int
    metric: str
    maximize: bool
    max_total: int
    planned: int = 0
    max_concurrent: int = 0
    max_seconds: float = DEFAULT_SECONDS
    policy: Policy | None = None
    resume_from: tuple[str, ...] = ()
    resume_runs: tuple[str, ...] = ()
    first: tuple[dict[str, Value], ...] = ()
    earlier: tuple[Known, ...] = field(default=(), repr=False)

    @property
    def at_a_time(self) -> int:
        """How many trials there are at a time."""
        return min(self.max_concurrent or MOST_AT_A_TIME, self.planned)

    def score(self, value: float) -> float:
        """Return a value of the metric turned so that the greater is the better; and a score as a value."""
        return value if self.maximize else -value


def plan_to_json(plan: Plan) -> str:
    """Return a plan as its column holds it: without the trials' secrets, which are kept with the sweep's run."""
    bare = replace(plan, trial=replace(plan.trial, secrets={}))
    text: bytes = _adapter().dump_json(bare, exclude_defaults=True)
    return text.decode()


def plan_of(text: str) -> Plan:
    """Return the plan that a column holds."""
    plan: Plan = _adapter().validate_json(text)
    return plan


def arguments_with(arguments: Sequence[str], hyperparameters: dict[str, Value]) -> list[str]:
    """Return arguments with hyperparameters behind them, without what they said of the same options before."""
    options = {option_of(name) for name in hyperparameters}
    kept: list[str] = []
    skipping = False
    for argument in arguments:
        if skipping and not argument.startswith("--"):
            skipping = False
            continue
        skipping = argument in options
        if not skipping and argument.partition("=")[0] not in options:
            kept.append(argument)
    for name, value in hyperparameters.items():
        kept += [option_of(name), str(value)]
    return kept


def option_of(name: str) -> str:
    """Return the option of a program that a hyperparameter is."""
    return name if name.startswith("-") else f"--{name}"


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)
