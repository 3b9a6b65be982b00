"""The run of a program that was not submitted: it prints what it is told, so that a script works everywhere.

It is the counterpart of what a submitted run finds under the same name, with Azure's words.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Self


class OfflineRun:
    """Accepts what a submitted run accepts, and prints it. It has no experiment, no datasets, and no steps."""

    def __init__(self, run_id: str | None = None) -> None:
        self.id = run_id or f"OfflineRun_{uuid.uuid4()}"
        self.status = "Running"
        self._tags: dict[str, str | None] = {}
        self._properties: dict[str, str] = {}
        self._metrics: dict[str, list[Any]] = {}
        self._tables: dict[str, list[Mapping[str, Any]]] = {}

    @property
    def name(self) -> str:
        return self.id

    @property
    def tags(self) -> dict[str, str | None]:
        return self.get_tags()

    @property
    def properties(self) -> dict[str, str]:
        return self.get_properties()

    def log(self, name: str, value: Any, description: str = "") -> None:
        """Print a metric's value."""
        self._metrics.setdefault(name, []).append(_scalar(value))
        self._attempted("scalar", name, value)

    def log_list(self, name: str, value: Iterable[Any], description: str = "") -> None:
        """Print a series."""
        items = [*value]
        self._metrics.setdefault(name, []).extend(map(_scalar, items))
        self._attempted("list", name, items)

    def log_row(self, name: str, description: str | None = None, **cells: Any) -> None:
        """Print one row of a table."""
        self._tables.setdefault(name, []).append({key: _scalar(each) for key, each in cells.items()})
        self._attempted("row", name, cells)

    def log_table(self, name: str, value: Mapping[str, Any], description: str = "") -> None:
        """Print a table given by columns."""
        columns = {key: [*each] if isinstance(each, Iterable) else [each] for key, each in value.items()}
        length = max(map(len, columns.values()), default=0)
        for row in range(length):
            self._tables.setdefault(name, []).append(
                {key: _scalar(each[row]) for key, each in columns.items() if row < len(each)}
            )
        self._attempted("table", name, value)

    def log_image(self, name: str, path: Any = None, plot: Any = None, description: str = "") -> None:
        """Print what image it was given."""
        self._attempted("image", name, plot if path is None else path)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        """Print residuals."""
        self._attempted("residual", name, value)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        """Print predictions."""
        self._attempted("predictions", name, value)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        """Print an accuracy table."""
        self._attempted("accuracy_table", name, value)

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        """Print a confusion matrix."""
        self._attempted("confusion_matrix", name, value)

    def get_metrics(self, name: str | None = None) -> dict[str, Any]:
        """Return what was logged so far, in Azure's shapes."""
        shaped: dict[str, Any] = {key: each[0] if len(each) == 1 else [*each] for key, each in self._metrics.items()}
        for key, rows in self._tables.items():
            columns = dict.fromkeys(column for row in rows for column in row)
            shaped[key] = {column: [row.get(column) for row in rows] for column in columns}
        return shaped if name is None else {key: each for key, each in shaped.items() if key == name}

    def tag(self, key: str, value: object = None) -> None:
        """Print a tag."""
        self._tags[key] = None if value is None else str(value)
        print(f"Attempted to add tag {key}:\n{value}")

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Print tags."""
        for key, value in tags.items():
            self.tag(key, value)

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Forget tags."""
        for key in [tags] if isinstance(tags, str) else tags:
            self._tags.pop(key, None)

    def get_tags(self) -> dict[str, str | None]:
        return dict(self._tags)

    def add_properties(self, properties: Mapping[str, object]) -> None:
        """Print properties."""
        for key, value in properties.items():
            self._properties.setdefault(key, str(value))
            print(f"Attempted to add property {key}:\n{value}")

    def get_properties(self) -> dict[str, str]:
        return dict(self._properties)

    def upload_file(self, name: str, path_or_stream: Any) -> None:
        """Print what file it was given."""
        print(f"Attempted to track file {name} at {path_or_stream}")

    def upload_files(self, names: Any, paths: Any) -> None:
        """Print what files it was given."""
        print(f"Attempted to track files {names} at {paths}")

    def upload_folder(self, name: str, path: Any) -> None:
        """Print what folder it was given."""
        print(f"Attempted to track folder {name} at {path}")

    def register_model(self, model_name: str, model_path: str | None = None, **_options: Any) -> None:
        """Print what model it was given."""
        print(f"Attempted to register model {model_name} at {model_path or model_name}")

    def get_status(self) -> str:
        return self.status

    def get_details(self) -> dict[str, Any]:
        return {"runId": self.id, "status": self.status, "properties": self.get_properties()}

    def get_file_names(self) -> list[str]:
        return []

    def flush(self, timeout_seconds: float = 300) -> None:
        """Do nothing: all is printed."""

    def wait_for_completion(self, show_output: bool = False, raise_on_error: bool = True) -> dict[str, Any]:
        """Return at once: the program that would be waited for is this one."""
        return self.get_details()

    def complete(self) -> None:
        self.status = "Completed"

    def fail(self, error_details: object = None, error_code: object = None) -> None:
        self.status = "Failed"

    def cancel(self) -> None:
        self.status = "Canceled"

    def child_run(self, name: str | None = None, run_id: str | None = None) -> OfflineRun:
        return OfflineRun(run_id)

    def __enter__(self) -> Self:
        print(f"[START] Run {self.id} context")
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if kind is None:
            self.complete()
        else:
            self.fail()
        print(f"[END] Run {self.id} context")

    def __repr__(self) -> str:
        return f"OfflineRun(id={self.id!r})"

    def _attempted(self, kind: str, name: str, value: object) -> None:
        print(f"Attempted to log {kind} metric {name}:\n{value}")


def _scalar(value: Any) -> Any:
    """Return numpy's scalars as Python's own."""
    return value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value
