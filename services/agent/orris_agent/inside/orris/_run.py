"""The run that this program is."""

import os
import time

from . import _charts, _journal, _metrics, _offline, _surroundings, _values
from ._exceptions import NotSupportedException, RunEnvironmentException, UserErrorException
from ._files import KeptFiles, clean
from ._placeholder import explain
from ._requests import ask

# What Azure's runs can do that a run cannot do to itself here; using one says so.
NOT_INSIDE = frozenset(
    """cancel_children child_run create_children delete download_file download_files get_all_logs
    get_children get_detailed_status get_environment get_hyperdrive_run get_portal_url get_snapshot_id get_submitted_run
    get_all get_run list parent restore_snapshot start_logging submit_child take_snapshot
    wait_for_completion""".split()
)


class Run:
    """The submitted run. `Run.get_context()` returns it."""

    type = "azureml.scriptrun"
    status = "Running"

    def __init__(self, experiment=None, run_id=None, outputs=None, **kwargs) -> None:
        own = _surroundings.run_id()
        if own is None:
            raise RunEnvironmentException("this program is not a run: use Run.get_context()")
        if run_id not in (None, own):
            raise explain("Run(run_id=%r), a run other than the own one (%s)," % (run_id, own))
        folder = _surroundings.run_folder()
        if not os.path.isdir(folder):
            raise RunEnvironmentException("ORRIS_RUN_FOLDER names %s, which is not there" % folder)
        self.id = own
        self.experiment = _surroundings.experiment()
        self.input_datasets = InputDatasets()
        self.output_datasets = {}
        self._folder = folder
        self._journal = _journal.at(os.path.join(folder, "journal.jsonl"))
        self._files = KeptFiles(folder)

    @classmethod
    def get_context(cls, allow_offline=True, used_for_context_manager=False, **kwargs):
        """Return the run that this program is; an offline run, which prints what it is told, when it is none.

        Raises RunEnvironmentException for the latter when `allow_offline` is False.
        """
        if _surroundings.run_id() is not None:
            return cls()
        if allow_offline:
            return _offline._OfflineRun()
        raise RunEnvironmentException(
            "this program is not a run: submit it, or allow an offline run with Run.get_context(allow_offline=True)"
        )

    # What the run is

    @property
    def number(self):
        """The run's number in its experiment, when the agent knows it."""
        return self._ask_run().get("number")

    @property
    def name(self):
        """The run's display name."""
        return self._ask_run().get("display_name") or self.id

    display_name = name

    @property
    def description(self):
        """The run's description."""
        return self._ask_run().get("description") or ""

    @property
    def tags(self) -> dict:
        """The run's tags."""
        return self.get_tags()

    @property
    def properties(self) -> dict:
        """The run's properties."""
        return self.get_properties()

    def get_status(self) -> str:
        """Return the state of the run: it runs."""
        return self.status

    def get_details(self) -> dict:
        """Return what the run knows about itself, by Azure's keys."""
        return {
            "runId": self.id,
            "target": "local",
            "status": self.status,
            "startTimeUtc": self._ask_run().get("start_time"),
            "properties": self.get_properties(),
            "inputDatasets": [],
            "outputDatasets": [],
            "runDefinition": {},
            "logFiles": {},
        }

    def get_file_names(self) -> list:
        """Return the names of the files kept so far."""
        return self._files.names()

    # Metrics

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

    # Tags and properties

    def tag(self, key: str, value=None) -> None:
        """Set a tag."""
        self.set_tags({key: value})

    def set_tags(self, tags) -> None:
        """Set tags."""
        self._journal.append(
            *[
                {"event": "tag", "key": _values.name(key, "a tag"), "value": None if value is None else _text(value)}
                for key, value in tags.items()
            ]
        )

    def remove_tags(self, tags) -> None:
        """Remove the tags with the given keys (a list, or one)."""
        keys = [tags] if isinstance(tags, str) else list(tags)
        self._journal.append(*[{"event": "untag", "key": _values.name(key, "a tag")} for key in keys])

    def get_tags(self) -> dict:
        """Return the run's tags: those it was submitted with, and what it did to them."""
        tags = dict(self._ask_run().get("tags") or {})
        for event in self._journal.read():
            if event.get("event") == "tag":
                tags[event["key"]] = event["value"]
            elif event.get("event") == "untag":
                tags.pop(event["key"], None)
        return tags

    def add_properties(self, properties) -> None:
        """Add properties. They are immutable: raises UserErrorException for another value of one that is set."""
        known = self.get_properties()
        new = {_values.name(key, "a property"): _text(value) for key, value in properties.items()}
        for key, value in new.items():
            if known.get(key, value) != value:
                raise UserErrorException(
                    "the property %r is %r already and cannot become %r: properties are immutable, use a tag"
                    % (key, known[key], value)
                )
        self._journal.append(
            *[{"event": "property", "key": key, "value": value} for key, value in new.items() if key not in known]
        )

    def get_properties(self) -> dict:
        """Return the run's properties."""
        properties = dict(self._ask_run().get("properties") or {})
        for event in self._journal.read():
            if event.get("event") == "property":
                properties.setdefault(event["key"], event["value"])
        return properties

    # Files and models

    def upload_file(self, name: str, path_or_stream, datastore_name=None) -> None:
        """Keep a file under `name` with the run: a path, or a stream."""
        self._files.keep_file(name, path_or_stream)

    def upload_files(self, names, paths, return_artifacts=False, timeout_seconds=None, datastore_name=None) -> None:
        """Keep files under names with the run."""
        names, paths = list(names), list(paths)
        if len(names) != len(paths):
            raise UserErrorException("upload_files needs as many names as paths: %d and %d" % (len(names), len(paths)))
        for name in names:
            clean(name)
        for name, path in zip(names, paths):
            self._files.keep_file(name, path)

    def upload_folder(self, name: str, path, datastore_name=None) -> None:
        """Keep all files below the folder `path` under `name` with the run."""
        self._files.keep_folder(name, path)

    def register_model(self, model_name, model_path=None, tags=None, properties=None, model_framework=None,
                       model_framework_version=None, description=None, datasets=None, sample_input_dataset=None,
                       sample_output_dataset=None, resource_configuration=None, sample_input=None,
                       **kwargs):  # fmt: skip
        """Register a file or folder of this run (by default the one named like the model) and return the model.

        `model_path` is relative to the run's working directory, as `outputs/model.joblib`, or the name of a kept file.
        `sample_input` (rows, also as an array) is what the model's conversion is checked with.
        Raises UserErrorException when it is refused, ServiceException when nobody answers.
        """
        for argument in ("datasets", "sample_input_dataset", "sample_output_dataset"):
            if locals()[argument]:
                raise explain("register_model(%s=...)" % argument)
        params = dict(
            kwargs,
            model_name=model_name,
            model_path=self._relative(model_name if model_path is None else model_path),
            tags=tags,
            properties=properties,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            description=description,
            sample_input=sample_input,
            resource_configuration=getattr(resource_configuration, "__dict__", resource_configuration),
        )
        from ._model import registered

        answer = ask(self._folder, "register_model", {key: value for key, value in params.items() if value is not None})
        return registered(dict(params, name=model_name), answer)

    # The end

    def flush(self, timeout_seconds=300) -> None:
        """Do nothing: what was logged is recorded already."""

    def complete(self, _set_status=True) -> None:
        """Do nothing: a run is complete when its program ends."""

    def fail(self, error_details=None, error_code=None, _set_status=True) -> None:
        """Do nothing: a run fails when its program fails."""

    def cancel(self) -> None:
        """Do nothing: a run is cancelled by who submitted it."""

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        return None

    def __repr__(self) -> str:
        return "Run(Experiment: %s,\nId: %s,\nType: %s,\nStatus: %s)" % (
            self.experiment.name,
            self.id,
            self.type,
            self.status,
        )

    def __getattr__(self, name: str):
        if name in NOT_INSIDE:
            raise explain("Run.%s (not yet supported inside a run)" % name)
        raise AttributeError("%r object has no attribute %r" % (type(self).__name__, name))

    def _ask_run(self) -> dict:
        try:
            return ask(self._folder, "get_run")
        except NotSupportedException:
            return {}

    def _relative(self, path) -> str:
        return os.path.relpath(os.path.join(self._folder, "work", str(path)), os.path.join(self._folder, "work"))

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


class InputDatasets(dict):
    """The run's input datasets by name: none."""

    def __missing__(self, name: str):
        raise KeyError("the run has no input dataset %r: input datasets are not supported inside a run yet" % (name,))


def _text(value):
    return _values.text(value if isinstance(value, str) else str(value))
