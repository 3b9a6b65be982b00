"""Runs that this program is: what `Experiment.start_logging()` begins."""

from __future__ import annotations

from typing import Any, Self

from azureml._errors import translated
from azureml._run import Run
from azureml.exceptions import ServiceException
from orris.sdk import interactive as sdk


@translated(not_found=ServiceException)
class InteractiveRun(sdk.InteractiveRun, Run):
    """A run that goes on until `complete()`, `fail()` or `cancel()`, or the end of a `with` block."""

    _lacking = "add_type_provider clean get_detailed_status get_secret get_secrets input_datasets output_datasets start"

    @classmethod
    def adopt(cls, run: Any) -> Self:
        """Return a run of Orris's library as one of Azure's kind. The other is not to be used any more."""
        adopted = cls.__new__(cls)
        vars(adopted).update(vars(run))
        sdk.hand_over(run, adopted)
        return adopted

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: str | None = None
    ) -> InteractiveRun:
        """Begin a run that is part of this one."""
        return InteractiveRun.adopt(sdk.InteractiveRun.child_run(self, name, outputs=outputs))

    def complete(self, _set_status: bool = True) -> None:
        """Keep the outputs, record what is not recorded yet, and end the run as Completed."""
        sdk.InteractiveRun.complete(self)

    def fail(self, error_details: Any = None, error_code: Any = None, _set_status: bool = True) -> None:
        """End the run as Failed."""
        sdk.InteractiveRun.fail(self, error_details, error_code)

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: Any = None, populate: bool = False
    ) -> dict[str, Any]:
        """Return {name: value, list, {column: list}, or the address of an artifact}."""
        return sdk.InteractiveRun.get_metrics(self, name, recursive)
