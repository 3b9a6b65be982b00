"""The run of a program that was not submitted: it prints what it is told, so that scripts work everywhere."""

import os

from . import _metrics, _values


class _OfflineRun:
    """Accept what a submitted run accepts, and print it. It has no experiment, no datasets, and no steps."""

    type = "OfflineRun"
    status = "Running"

    def __init__(self, run_id=None, parent_run=None, **kwargs) -> None:
        self.id = run_id or "OfflineRun_%s" % _uuid4()
        self.parent = parent_run
        self.number = 1
        self._events = []
        self._tags = {}
        self._properties = {}

    name = property(lambda self: self.id)
    display_name = name
    tags = property(lambda self: self.get_tags())
    properties = property(lambda self: self.get_properties())

    def log(self, name: str, value, description: str = "") -> None:
        """Print a metric's value."""
        self._event(name, "scalar", value=_values.scalar(value))
        self._attempted_to_log("scalar", name, value)

    def log_list(self, name: str, value, description: str = "") -> None:
        """Print a series."""
        value = list(value)
        for item in value:
            self._event(name, "list", value=_values.scalar(item, "log_table"))
        self._attempted_to_log("list", name, value)

    def log_row(self, name: str, description=None, **kwargs) -> None:
        """Print one row of a table."""
        self._event(name, "row", cells={key: _values.scalar(cell) for key, cell in kwargs.items()})
        self._attempted_to_log("row", name, kwargs)

    def log_table(self, name: str, value, description: str = "") -> None:
        """Print a table."""
        for row in _values.rows(value):
            self._event(name, "table", cells=row)
        self._attempted_to_log("table", name, value)

    def log_image(self, name: str, path=None, plot=None, description: str = "") -> None:
        """Print what image it was given."""
        self._attempted_to_log("image", name, plot if path is None else path)

    def log_confusion_matrix(self, name: str, value, description: str = "") -> None:
        """Print a confusion matrix."""
        self._attempted_to_log("confusion_matrix", name, value)

    def log_accuracy_table(self, name: str, value, description: str = "") -> None:
        """Print an accuracy table."""
        self._attempted_to_log("accuracy_table", name, value)

    def log_residuals(self, name: str, value, description: str = "") -> None:
        """Print a residuals chart."""
        self._attempted_to_log("residual", name, value)

    def log_predictions(self, name: str, value, description: str = "") -> None:
        """Print a predictions chart."""
        self._attempted_to_log("predictions", name, value)

    def get_metrics(self, name=None, recursive=False, run_type=None, populate=False) -> dict:
        """Return the values logged so far."""
        return _metrics.shape(self._events, name)

    def tag(self, key: str, value=None) -> None:
        """Print a tag."""
        self._tags[key] = None if value is None else str(value)
        print("Attempted to add tag {}:\n{}".format(key, value))

    def set_tags(self, tags) -> None:
        """Print tags."""
        for key, value in tags.items():
            self.tag(key, value)

    def remove_tags(self, tags) -> None:
        """Forget tags."""
        for key in [tags] if isinstance(tags, str) else list(tags):
            self._tags.pop(key, None)
            print("Attempted to remove tag {}".format(key))

    def get_tags(self) -> dict:
        """Return the tags set so far."""
        return dict(self._tags)

    def add_properties(self, properties) -> None:
        """Print properties."""
        for key, value in properties.items():
            self._properties.setdefault(key, str(value))
            print("Attempted to add property {}:\n{}".format(key, value))

    def get_properties(self) -> dict:
        """Return the properties added so far."""
        return dict(self._properties)

    def upload_file(self, name: str, path_or_stream, datastore_name=None) -> None:
        """Print what file it was given."""
        print("Attempted to track file {} at {}".format(name, path_or_stream))

    def upload_files(self, names, paths, return_artifacts=False, timeout_seconds=None, datastore_name=None) -> None:
        """Print what files it was given."""
        print("Attempted to track files {} at {}".format(names, paths))

    def upload_folder(self, name: str, path, datastore_name=None) -> None:
        """Print what folder it was given."""
        print("Attempted to track folder {} at {}".format(name, path))

    def register_model(self, model_name: str, model_path=None, *args, **kwargs):
        """Print what model it was given."""
        print("Attempted to register model {} at {}".format(model_name, model_path or model_name))

    def child_run(self, name=None, run_id=None, outputs=None):
        """Return another offline run."""
        return type(self)(run_id, parent_run=self)

    def get_status(self) -> str:
        """Return the state of the run."""
        return self.status

    def get_details(self) -> dict:
        """Return what there is to say about the run, by Azure's keys."""
        return {"runId": self.id, "status": self.status, "properties": self.get_properties()}

    def get_file_names(self) -> list:
        """Return no names: nothing is kept."""
        return []

    def flush(self, timeout_seconds=300) -> None:
        """Do nothing."""

    def wait_for_completion(self, *args, **kwargs) -> None:
        """Do nothing."""

    def complete(self, _set_status=True) -> None:
        """Note the end."""
        self.status = "Completed"

    def fail(self, error_details=None, error_code=None, _set_status=True) -> None:
        """Note the end."""
        self.status = "Failed"

    def cancel(self) -> None:
        """Note the end."""
        self.status = "Canceled"

    def __enter__(self):
        print("[START] Run {} context".format(self.id))
        return self

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        self.complete() if exc_type is None else self.fail()
        print("[END] Run {} context".format(self.id))

    def __repr__(self) -> str:
        return "OfflineRun(Id: %s)" % self.id

    def _event(self, name: str, kind: str, **fields) -> None:
        self._events.append(dict(fields, event="metric", name=_values.name(name), type=kind))

    def _attempted_to_log(self, kind: str, name: str, value) -> None:
        print("Attempted to log {} metric {}:\n{}".format(kind, name, value))


def _uuid4() -> str:
    """Return a random UUID; the module `uuid` loads libraries that a program may not expect."""
    digits = bytearray(os.urandom(16))
    digits[6] = digits[6] & 0x0F | 0x40
    digits[8] = digits[8] & 0x3F | 0x80
    text = bytes(digits).hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
