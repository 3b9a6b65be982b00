"""The metrics of a run: events of its journal, and files for images and charts."""

import os
import time

from . import _charts, _metrics, _values
from ._exceptions import UserErrorException


class RunMetrics:
    """What a run logs. Needs the run's `id`, `_journal` and `_files`."""

    def log(self, name: str, value, description: str = "", step=None) -> None:
        """Record a metric's value; called again under the name, the next one of a series."""
        event = self._metric(name, "scalar", value=_values.scalar(value))
        if step is not None:
            event["step"] = _values.step(step)
        self._journal.append(event)

    def log_list(self, name: str, value, description: str = "") -> None:
        """Record the values of any iterable as a series."""
        if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            raise UserErrorException("log_list takes a list of values, not a %s: use log" % type(value).__name__)
        items = [_values.scalar(item, "log_table") for item in value]
        self._journal.append(*[self._metric(name, "list", value=item) for item in items])

    def log_row(self, name: str, description=None, **kwargs) -> None:
        """Record one row of a table: its cells by column."""
        if not kwargs:
            raise UserErrorException("log_row needs columns: run.log_row(%r, column=value)" % (name,))
        cells = {_values.name(key, "the name of a column"): _values.scalar(cell) for key, cell in kwargs.items()}
        self._journal.append(self._metric(name, "row", cells=cells))

    def log_table(self, name: str, value, description: str = "") -> None:
        """Record a table given as a dict of columns; called again under the name, more rows of it."""
        self._journal.append(*[self._metric(name, "table", cells=row) for row in _values.rows(value)])

    def log_image(self, name: str, path=None, plot=None, description: str = "") -> None:
        """Keep an image as a metric: a file, or a plot (anything with `savefig`)."""
        if (path is None) == (plot is None):
            raise UserErrorException("log_image needs either path or plot")
        if path is not None:
            self._keep_chart(name, os.path.splitext(str(path))[1], lambda kept: self._files.keep_file(kept, path))
        else:
            self._keep_chart(
                name, ".png", lambda kept: self._files.keep(kept, lambda file: plot.savefig(file, format="png"))
            )

    def log_confusion_matrix(self, name: str, value, description: str = "") -> None:
        """Keep a confusion matrix: a dict or JSON of schema_type "confusion_matrix", schema_version and data."""
        self._log_json(name, "confusion matrix", value)

    def log_accuracy_table(self, name: str, value, description: str = "") -> None:
        """Keep an accuracy table: a dict or JSON of schema_type "accuracy_table", schema_version and data."""
        self._log_json(name, "accuracy table", value)

    def log_residuals(self, name: str, value, description: str = "") -> None:
        """Keep a residuals chart: a dict or JSON of schema_type "residuals", schema_version and data."""
        self._log_json(name, "residuals", value)

    def log_predictions(self, name: str, value, description: str = "") -> None:
        """Keep a predictions chart: a dict or JSON of schema_type "predictions", schema_version and data."""
        self._log_json(name, "predictions", value)

    def get_metrics(self, name=None, recursive=False, run_type=None, populate=False) -> dict:
        """Return what was logged so far: {name: value | list | {column: list} | address of an artifact}."""
        artifact = "aml://artifactId/ExperimentRun/dcid.%s/%%s" % self.id.replace("%", "%%")
        return _metrics.shape(self._journal.read(), name, artifact)

    def _metric(self, name: str, kind: str, **fields) -> dict:
        return dict(fields, event="metric", name=_values.name(name), type=kind)

    def _log_json(self, name: str, kind: str, value) -> None:
        content = _charts.render(kind, value).encode("utf-8")
        self._keep_chart(name, ".json", lambda kept: self._files.keep(kept, lambda file: file.write(content)))

    def _keep_chart(self, name: str, extension: str, keep) -> None:
        """Keep a file as the metric `name`; `keep` is called with the name to keep it under."""
        kept = self._files.free("%s_%d" % (_values.name(name), time.time()), extension)
        keep(kept)
        self._journal.append(self._metric(name, "artifact", value=kept))
