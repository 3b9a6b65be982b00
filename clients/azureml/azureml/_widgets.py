"""The widget that shows a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azureml._run import Run


class RunDetails:
    """Shows how a run stands, as text."""

    def __init__(self, run_instance: Run) -> None:
        self._run = run_instance

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Print how the run stands now, and the command that follows it. `wait_for_completion` shows its logs."""
        run = self._run.refresh()
        print(f"RunId: {run.id}\nStatus: {run.status}", end="")
        print(f" ({run.status_reason})" if run.status_reason else "")
        for name, value in self._run.get_metrics().items():
            print(f"{name}: {value}")
        print(f"Logs: orris runs logs -f {run.id}", flush=True)
