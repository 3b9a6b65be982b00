"""Which runs of a sweep are ended early, under Azure's names."""

from __future__ import annotations

from azureml._errors import translating
from azureml.exceptions import UserErrorException
from orris.sdk.given_values import shown, whole
from orris.sdk.sweep_policy import EarlyTermination


class EarlyTerminationPolicy:
    """A policy; `to_orris` is None where nothing is ended early. Raises UserErrorException for what cannot be."""

    def __init__(self, to_orris: EarlyTermination | None) -> None:
        if to_orris is not None:
            with translating():
                to_orris.to_message()
        self.to_orris = to_orris


class BanditPolicy(EarlyTerminationPolicy):
    """Ends runs that are further behind the best than a factor or an amount."""

    def __init__(
        self,
        evaluation_interval: int = 1,
        slack_factor: float | None = None,
        slack_amount: float | None = None,
        delay_evaluation: int = 0,
    ) -> None:
        if (slack_factor is None) == (slack_amount is None):
            raise UserErrorException("BanditPolicy: give either slack_factor or slack_amount")
        super().__init__(
            EarlyTermination(
                "bandit", evaluation_interval, delay_evaluation, slack_factor=slack_factor, slack_amount=slack_amount
            )
        )


class MedianStoppingPolicy(EarlyTerminationPolicy):
    """Ends runs whose best is worse than the median of what all had on average."""

    def __init__(self, evaluation_interval: int = 1, delay_evaluation: int = 0) -> None:
        super().__init__(EarlyTermination("median_stopping", evaluation_interval, delay_evaluation))


class TruncationSelectionPolicy(EarlyTerminationPolicy):
    """Ends the worst runs, so many of a hundred."""

    def __init__(
        self,
        truncation_percentage: int,
        evaluation_interval: int = 1,
        delay_evaluation: int = 0,
        exclude_finished_jobs: bool = False,
    ) -> None:
        percentage = whole(truncation_percentage)
        if percentage is None or not 1 <= percentage <= 99:
            raise UserErrorException(
                f"truncation_percentage: 1 to 99, a whole number, not {shown(truncation_percentage)}"
            )
        super().__init__(
            EarlyTermination(
                "truncation_selection",
                evaluation_interval,
                delay_evaluation,
                percentage=percentage,
                exclude_finished=exclude_finished_jobs,
            )
        )


class NoTerminationPolicy(EarlyTerminationPolicy):
    """Lets all runs come to their ends."""

    def __init__(self) -> None:
        super().__init__(None)
