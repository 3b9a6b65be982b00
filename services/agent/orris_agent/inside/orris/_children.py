"""Runs below the run: those that its program begins and tells what happens, and what it sees of others."""

import os

from ._exceptions import UserErrorException
from ._files import KeptFiles, clean
from ._placeholder import explain
from ._requests import ask
from ._run_labels import RunLabels
from ._run_metrics import RunMetrics
from ._script_run_config import ScriptRunConfig
from ._submitted import SubmittedRun, submit


class RunChildren:
    """How a run begins runs below itself. Needs the run's `id`, `experiment`, `_folder` and `_journal`."""

    def child_run(self, name=None, run_id=None, outputs=None) -> "ChildRun":
        """Begin a run that is part of this one: it ends with it, unless it has ended before."""
        return self._begin([{"name": name}])[0]

    def create_children(self, count=None, tag_key=None, tag_values=None) -> list:
        """Begin so many runs below this one, or one for each value of a tag."""
        values = None if tag_values is None else list(tag_values)
        if (count is None) == (tag_key is None or values is None):
            raise UserErrorException("create_children needs either count, or tag_key and tag_values")
        if values is None:
            return self._begin([{}] * count)
        return self._begin([{"tags": {str(tag_key): "" if value is None else str(value)}} for value in values])

    def get_children(self, recursive=False, tags=None, properties=None, type=None, status=None, **kwargs) -> list:  # noqa: A002  # as Azure calls it
        """Return the runs below this one, newest first: what is known of each by now."""
        wanted = {"run": self.id, "recursive": bool(recursive), "status": status}
        for key, pairs in (("tags", tags), ("properties", properties)):
            wanted[key] = {pairs: ""} if isinstance(pairs, str) else dict(pairs or {})
        found = ask(self._folder, "get_children", wanted)["runs"]
        return [RunBelow(self.experiment, each, self._folder) for each in found]

    def submit_child(self, config, tags=None, **kwargs) -> "RunBelow":
        """Submit a script as a run below this one, with this one's snapshot and environment unless others are given."""
        if not isinstance(config, ScriptRunConfig):
            raise explain("Run.submit_child of a %s, and not of a ScriptRunConfig," % type(config).__name__)
        return RunBelow(self.experiment, submit(self, config, tags), self._folder)

    def _begin(self, wanted) -> list:
        made = ask(self._folder, "create_children", {"parent": self.id, "children": wanted})["runs"]
        return [ChildRun(self, each) for each in made]


class ChildRun(RunMetrics, RunLabels, RunChildren):
    """A run that is part of the run that the program is. It goes on until `complete`, `fail` or `cancel`."""

    type = None

    def __init__(self, parent, known) -> None:
        self.id = known["id"]
        self.name = self.display_name = known.get("name") or self.id
        self.parent = parent
        self.experiment = parent.experiment
        self.status = "Running"
        self._known = known
        self._folder = parent._folder
        self._journal = parent._journal.of(self.id)
        self._files = _ChildFiles(self._folder, self.id)

    def get_status(self) -> str:
        """Return the state of the run."""
        return self.status

    def get_details(self) -> dict:
        """Return what is known of the run, by Azure's keys."""
        return {"runId": self.id, "target": "sdk", "status": self.status, "properties": self.get_properties()}

    def get_file_names(self) -> list:
        """Return the names of the files kept so far."""
        return self._files.names()

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

    def flush(self, timeout_seconds=300) -> None:
        """Do nothing: what was logged is recorded already."""

    def complete(self, _set_status=True) -> None:
        """End the run as Completed."""
        self._end("Completed")

    def fail(self, error_details=None, error_code=None, _set_status=True) -> None:
        """End the run as Failed; `error_details` says why."""
        self._end("Failed", message=str(error_details or ""), label=str(error_code or ""))

    def cancel(self) -> None:
        """End the run as Canceled."""
        self._end("Canceled")

    def _end(self, state: str, **why) -> None:
        if self.status == "Running":
            self._journal.append(dict(why, event="end", state=state))
            self.status = state

    def _ask_run(self) -> dict:
        return self._known

    def __enter__(self):
        return self

    def __exit__(self, exc_type, exc_value, traceback) -> None:
        if exc_type is None:
            self.complete()
        else:
            self.fail("%s: %s" % (exc_type.__name__, exc_value), exc_type.__name__)

    def __repr__(self) -> str:
        return "Run(Experiment: %s,\nId: %s,\nType: %s,\nStatus: %s)" % (
            self.experiment.name,
            self.id,
            self.type,
            self.status,
        )


class OtherRun:
    """What the run knows of a run that it is not: names, state, tags and properties, as they were when it asked."""

    def __init__(self, experiment, known) -> None:
        self.experiment = experiment
        self.id = known["id"]
        self.name = self.display_name = known.get("name") or self.id
        self.status = known.get("status") or ""
        self.tags = dict(known.get("tags") or {})
        self.properties = dict(known.get("properties") or {})

    def get_status(self) -> str:
        """Return the state that it had."""
        return self.status

    def get_tags(self) -> dict:
        """Return the tags that it had."""
        return dict(self.tags)

    def get_properties(self) -> dict:
        """Return the properties that it had."""
        return dict(self.properties)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain("Run.%s (of another run than the own one)" % name)

    def __repr__(self) -> str:
        return "Run(Id: %s,\nStatus: %s)" % (self.id, self.status)


class RunBelow(SubmittedRun, OtherRun):
    """A run below the run: what is known of it was so when it was asked for, and can be asked for again."""

    def __init__(self, experiment, known, folder) -> None:
        OtherRun.__init__(self, experiment, known)
        self._folder = folder


class _ChildFiles(KeptFiles):
    """The kept files of a child: each is stored when it is kept, so that it outlives the run."""

    def __init__(self, run_folder, child: str) -> None:
        folder = os.path.join(run_folder, "children", child)
        super().__init__(folder)
        self._run_folder = run_folder
        self._place = folder
        self._child = child

    def keep(self, name: str, write) -> None:
        os.makedirs(self._place, exist_ok=True)
        super().keep(name, write)
        ask(self._run_folder, "keep_child_files", {"child": self._child})
