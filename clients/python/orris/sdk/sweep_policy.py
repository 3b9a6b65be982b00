"""Which trials of a sweep are ended early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orris.errors import InvalidArgument
from orris.runs.v1 import sweeps_pb2
from orris.sdk.given_values import count, finite, plain, shown

MOST_INTERVALS = 2**31 - 1


@dataclass(frozen=True)
class EarlyTermination:
    """Which trials are ended early: "bandit" (`slack_factor` or `slack_amount`), "median_stopping",
    "truncation_selection" (`percentage`, `exclude_finished`) or "asha" (`min_interval`, `reduction_factor`).

    A trial's intervals are counted by the values that it logs of the metric; it is judged at the multiples of
    `evaluation_interval` that are not below `delay_evaluation`, with "asha" at its rungs.
    """

    kind: str
    evaluation_interval: int = 1
    delay_evaluation: int = 0
    slack_factor: float | None = None
    slack_amount: float | None = None
    percentage: int | None = None
    exclude_finished: bool = False
    min_interval: int = 1
    reduction_factor: int = 4

    def to_message(self) -> sweeps_pb2.SweepPolicy:
        """Return the contract's form. Raises InvalidArgument that names the field."""
        message = sweeps_pb2.SweepPolicy(
            evaluation_interval=count(self.evaluation_interval, "evaluation_interval", 1, MOST_INTERVALS),
            delay_evaluation=count(self.delay_evaluation, "delay_evaluation", 0, MOST_INTERVALS),
        )
        match self.kind:
            case "bandit":
                message.bandit.CopyFrom(self._bandit())
            case "median_stopping":
                message.median_stopping.SetInParent()
            case "truncation_selection":
                message.truncation_selection.percentage = count(self.percentage, "percentage", 1, 99)
                message.truncation_selection.exclude_finished = _truth(self.exclude_finished, "exclude_finished")
            case "asha":
                message.asha.min_interval = count(self.min_interval, "min_interval", 1, MOST_INTERVALS)
                message.asha.reduction_factor = count(self.reduction_factor, "reduction_factor", 2, 100)
            case _:
                names = "bandit, median_stopping, truncation_selection, asha"
                raise InvalidArgument(f"policy: {shown(self.kind)} is none of {names}", field="policy")
        return message

    def _bandit(self) -> sweeps_pb2.SweepPolicy.Bandit:
        if (self.slack_factor is None) == (self.slack_amount is None):
            raise InvalidArgument("policy: give either slack_factor or slack_amount", field="policy")
        if self.slack_factor is not None:
            return sweeps_pb2.SweepPolicy.Bandit(slack_factor=_slack(self.slack_factor, "slack_factor"))
        return sweeps_pb2.SweepPolicy.Bandit(slack_amount=_slack(self.slack_amount, "slack_amount"))


def _slack(value: Any, field: str) -> float:
    number = finite(value)
    if number is None or number <= 0:
        raise InvalidArgument(f"{field}: a number over 0 is expected, not {shown(value)}", field=field)
    return number


def _truth(given: Any, field: str) -> bool:
    value = plain(given)
    if not isinstance(value, bool):
        raise InvalidArgument(f"{field}: true or false is expected, not {shown(given)}", field=field)
    return value
