"""The widget that shows a run, or a sweep, as it goes on: in a notebook, in a terminal, or once as text."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any

from orris.errors import OrrisError
from orris.runs.v1 import runs_pb2

if TYPE_CHECKING:
    from azureml._run import Run

Frames = Iterator[list[str]]
NOTEBOOK_COLUMNS = 110
SECONDS = 1.0


class RunDetails:
    """Shows how a run or a sweep stands: live in a notebook (beside what follows) and in a terminal (until it is over).

    Elsewhere it prints how it stands now.
    """

    def __init__(self, run_instance: Run) -> None:
        self._run = run_instance

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        """Show it. `wait_for_completion` shows its logs. Ctrl-C in a terminal leaves the run alone."""
        if _in_notebook():
            frames = self._frames(lambda: NOTEBOOK_COLUMNS)
            arguments = (frames, _displayed())
            threading.Thread(target=_show_in_notebook, args=arguments, name="RunDetails", daemon=True).start()
        elif sys.stdout.isatty() and not self._run.refresh().finished:
            with suppress(KeyboardInterrupt):
                _show_in_terminal(self._frames(lambda: shutil.get_terminal_size().columns))
        else:
            width = shutil.get_terminal_size((200, 50)).columns
            print("\n".join(next(self._frames(lambda: width))), flush=True)

    def _frames(self, width: Callable[[], int]) -> Frames:
        if self._run.message.kind == runs_pb2.RUN_KIND_SWEEP:
            return _frames_of_sweep(self._run, width)
        return _frames_of_run(self._run)


def _frames_of_run(run: Run) -> Frames:
    while True:
        run.refresh()
        status = f"Status: {run.status}" + (f" ({run.status_reason})" if run.status_reason else "")
        metrics = [f"{name}: {value}" for name, value in run.get_metrics().items()]
        yield [f"RunId: {run.id}", status, *metrics, f"Logs: orris runs logs -f {run.id}"]
        if run.finished:
            return
        time.sleep(SECONDS)


def _frames_of_sweep(run: Run, width: Callable[[], int]) -> Frames:
    from orris.sdk.sweep import Sweep
    from orris.sdk.sweep_view import Lanes, lines_of

    sweep, lanes = Sweep.get(run.workspace, run.id), Lanes()
    for trials in sweep.watch():
        run.message = sweep.message
        yield lines_of(sweep, trials, lanes.seat(trials), width())


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def _displayed() -> Any:
    return _notebook().display(_notebook().HTML("<pre>…</pre>"), display_id=True)


def _show_in_notebook(frames: Frames, handle: Any) -> None:
    def update(text: str) -> None:
        handle.update(_notebook().HTML(f"<pre>{escape(text)}</pre>"))

    try:
        for lines in frames:
            update("\n".join(lines))
    except OrrisError as error:
        update(error.message)


def _notebook() -> Any:
    """Return what shows things there; it has no types."""
    return import_module("IPython.display")


def _show_in_terminal(frames: Frames) -> None:
    """Write each frame over the one before."""
    written = 0
    for lines in frames:
        sys.stdout.write(f"\x1b[{written}F\x1b[J" if written else "")
        shown = lines[: shutil.get_terminal_size().lines - 1]
        sys.stdout.write("\n".join(shown) + "\n")
        sys.stdout.flush()
        written = len(shown)
