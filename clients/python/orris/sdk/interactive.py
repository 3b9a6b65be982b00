"""Runs that this program is: begun, told what happens, and ended by it, for example by a notebook."""

from __future__ import annotations

import atexit
import time
import traceback
import uuid
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from orris.errors import FailedPrecondition, InvalidArgument, OrrisError
from orris.runs.v1 import agents_service_pb2, runs_pb2, runs_service_pb2
from orris.sdk import metric_values, run_uploads
from orris.sdk.charts import chart
from orris.sdk.git import git_properties
from orris.sdk.recorder import FLUSH_SECONDS, Recorder
from orris.sdk.run import Run

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

Point = runs_pb2.MetricPoint
_LONGEST_MESSAGE = 3000
_open: weakref.WeakSet[InteractiveRun] = weakref.WeakSet()


class InteractiveRun(Run):
    """A run that goes on until `complete()`, `fail()` or `cancel()`, or the end of a `with` block.

    What is logged is sent in the background. `outputs` is a folder that is kept when the run ends.
    """

    def __init__(self, workspace: Workspace, message: runs_pb2.Run, recorder: Recorder, outputs: str | None) -> None:
        super().__init__(workspace, message)
        self.outputs = Path(outputs).absolute() if outputs else None
        self._recorder = recorder
        self._child = ""
        self._ended = False

    # Logging

    def log(self, name: str, value: object, description: str = "", step: object = None) -> None:
        """Record a metric's value; called again under the name, the next one of a series."""
        self._record(self._point(name, Point.TYPE_SCALAR, metric_values.scalar(value), step))

    def log_list(self, name: str, value: Iterable[object], description: str = "") -> None:
        """Record the values of any iterable as a series."""
        self._record(*[self._point(name, Point.TYPE_LIST, item) for item in metric_values.items(value)])

    def log_row(self, name: str, description: str | None = None, **columns: object) -> None:
        """Record one row of a table: its cells by column."""
        if not columns:
            raise InvalidArgument(f"log_row needs columns: run.log_row({name!r}, column=value)", field="columns")
        cells = {metric_values.checked_name(key, "column"): metric_values.scalar(cell) for key, cell in columns.items()}
        self._record(self._row(name, Point.TYPE_ROW, cells))

    def log_table(self, name: str, value: Mapping[str, object], description: str = "") -> None:
        """Record a table given as a dict of columns; called again under the name, more rows of it."""
        self._record(*[self._row(name, Point.TYPE_TABLE, cells) for cells in metric_values.rows(value)])

    def log_image(self, name: str, path: str | Path | None = None, plot: Any = None, description: str = "") -> None:
        """Keep an image as a metric: a file, or a plot (anything with `savefig`)."""
        if (path is None) == (plot is None):
            raise InvalidArgument("log_image needs either path or plot", field="path")
        if path is not None:
            self._keep_chart(name, PurePath(path).suffix, path)
            return
        from io import BytesIO

        image = BytesIO()
        plot.savefig(image, format="png")
        image.seek(0)
        self._keep_chart(name, ".png", image)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        """Keep a confusion matrix: a dict or JSON of schema_type "confusion_matrix", schema_version and data."""
        self._keep_json(name, "confusion_matrix", value)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        """Keep an accuracy table: a dict or JSON of schema_type "accuracy_table", schema_version and data."""
        self._keep_json(name, "accuracy_table", value)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        """Keep a residuals chart: a dict or JSON of schema_type "residuals", schema_version and data."""
        self._keep_json(name, "residuals", value)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        """Keep a predictions chart: a dict or JSON of schema_type "predictions", schema_version and data."""
        self._keep_json(name, "predictions", value)

    def flush(self, timeout_seconds: float = FLUSH_SECONDS) -> None:
        """Wait until all that was logged is recorded. Raises DeadlineExceeded, or why nothing is recorded any more."""
        self._recorder.flush(timeout_seconds)

    def get_metrics(self, name: str | None = None, recursive: bool = False) -> dict[str, Any]:
        """Return the metrics, those included that were logged a moment ago; see `Run.get_metrics`."""
        if not self._recorder.closed:
            self.flush()
        return super().get_metrics(name, recursive)

    # Children

    def child_run(self, name: str | None = None, *, outputs: str | None = None) -> InteractiveRun:
        """Begin a run that is part of this one: it ends with it, unless it has ended before."""
        return begin(
            self.workspace, self.message.experiment, name=name, parent=self, outputs=outputs, recorder=self._recorder
        )

    # The end

    def complete(self) -> None:
        """Keep the outputs, record what is not recorded yet, and end the run as Completed. Done once, it stays so."""
        self._end(runs_pb2.Run.STATE_COMPLETED)

    def fail(self, error_details: object = None, error_code: object = None) -> None:
        """End the run as Failed; `error_details` (text, or an exception) says why, `error_code` is a word for it."""
        self._end(runs_pb2.Run.STATE_FAILED, failure(error_details, error_code))

    def cancel(self, reason: str = "") -> None:
        """End the run as Canceled."""
        if self._ended:
            super().cancel(reason)
            return
        self._end(runs_pb2.Run.STATE_CANCELED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.complete()
            return
        try:
            self._end(runs_pb2.Run.STATE_FAILED, failure(error, None))
        except Exception as problem:  # what went wrong first is what matters
            error.add_note(f"the run {self.id} could not be ended: {problem}")

    def _end(self, state: runs_pb2.Run.State.ValueType, error: runs_pb2.RunError | None = None) -> None:
        if self._ended:
            return
        if self.outputs is not None and self.outputs.is_dir():
            run_uploads.add(self, run_uploads.folder_files(self.outputs.name, self.outputs))
        if self._child:
            end = agents_service_pb2.RunEvent.End(state=state, error=error)
            self._record(agents_service_pb2.RunEvent(end=end))
            self.flush()
            self.refresh()
        else:
            self.flush()
            request = runs_service_pb2.EndRunRequest(
                name=self.resource_name, session=self._recorder.session, state=state, error=error
            )
            self.message = self.workspace.connection.runs.EndRun(request).run
            self._recorder.close()
        self._ended = True
        _open.discard(self)

    # How

    def _record(self, *events: agents_service_pb2.RunEvent) -> None:
        if self._ended:
            raise FailedPrecondition(f"the run {self.id} has ended: nothing more is recorded of it", reason="RUN_ENDED")
        for event in events:
            event.child = self._child
        self._recorder.put(events)

    def _point(
        self, name: str, kind: Point.Type.ValueType, value: metric_values.Scalar, step: object = None
    ) -> agents_service_pb2.RunEvent:
        point = Point(metric=metric_values.checked_name(name), type=kind, value=metric_values.message(value))
        point.time.GetCurrentTime()
        if (number := metric_values.checked_step(step)) is not None:
            point.step = number
        return agents_service_pb2.RunEvent(metric=point)

    def _row(
        self, name: str, kind: Point.Type.ValueType, cells: Mapping[str, metric_values.Scalar]
    ) -> agents_service_pb2.RunEvent:
        messages = {column: metric_values.message(cell) for column, cell in cells.items()}
        point = Point(metric=metric_values.checked_name(name), type=kind, cells=messages)
        point.time.GetCurrentTime()
        return agents_service_pb2.RunEvent(metric=point)

    def _keep_json(self, name: str, schema_type: str, value: Any) -> None:
        from io import BytesIO

        self._keep_chart(name, ".json", BytesIO(chart(schema_type, value)))

    def _keep_chart(self, name: str, suffix: str, source: run_uploads.Source) -> None:
        kept = f"{metric_values.checked_name(name)}_{int(time.time())}_{uuid.uuid4().hex[:6]}{suffix}"
        run_uploads.add(self, {kept: source})
        self._record(self._point(name, Point.TYPE_ARTIFACT, kept))


def begin(
    workspace: Workspace,
    experiment: str,
    *,
    name: str | None = None,
    parent: Run | None = None,
    outputs: str | None = None,
    snapshot_directory: str | Path | None = None,
    tags: Mapping[str, object] | None = None,
    recorder: Recorder | None = None,
) -> InteractiveRun:
    """Begin a run in an experiment (its resource name); with a `recorder`, one that is part of that one's run."""
    from orris.sdk.submission import upload_folder

    message = runs_pb2.Run(
        experiment=experiment,
        display_name=name or "",
        kind=runs_pb2.RUN_KIND_INTERACTIVE,
        parent_run=parent.resource_name if parent is not None else "",
        tags={key: "" if value is None else str(value) for key, value in (tags or {}).items()},
    )
    if snapshot_directory is not None:
        message.snapshot = upload_folder(workspace, Path(snapshot_directory))
        message.properties.update(git_properties(Path(snapshot_directory)))
    request = runs_service_pb2.CreateRunRequest(
        parent=workspace.resource_name,
        run=message,
        request_id=uuid.uuid4().hex,
        session=recorder.session if recorder else "",
    )
    made = workspace.connection.runs.CreateRun(request)
    own = recorder or Recorder(
        lambda: workspace.connection.runs, made.run.name, made.session, made.patience.ToTimedelta().total_seconds()
    )
    if outputs:
        Path(outputs).mkdir(parents=True, exist_ok=True)
    run = InteractiveRun(workspace, made.run, own, outputs)
    if recorder:
        run._child = run.id
    else:
        _open.add(run)
    return run


def hand_over(run: InteractiveRun, to: InteractiveRun) -> None:
    """Let another object be the run that this program is."""
    if run in _open:
        _open.discard(run)
        _open.add(to)


def failure(details: object, code: object) -> runs_pb2.RunError:
    """Return why a run failed, of what `fail` is given."""
    error = runs_pb2.RunError(code=runs_pb2.RunError.CODE_USER_PROGRAM, label=str(code or "")[:255])
    if isinstance(details, BaseException):
        error.message = f"{type(details).__name__}: {details}"[:_LONGEST_MESSAGE]
        error.details = "".join(traceback.format_exception(details))
        error.label = error.label or type(details).__name__[:255]
    else:
        error.message = str(details or "the run failed, and gave no reason")[:_LONGEST_MESSAGE]
    return error


@atexit.register
def _end_open_runs() -> None:
    """Let what a program leaves open not seem to go on for a day."""
    for run in list(_open):
        if run._recorder.closed:
            continue
        try:
            run._recorder.flush(10)
            run.outputs = None
            run.fail("its program ended without calling complete()", "NotCompleted")
        except OrrisError:
            continue
