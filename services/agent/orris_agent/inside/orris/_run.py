"""The run that this program is."""

import os

from . import _inputs, _journal, _offline, _surroundings
from ._children import OtherRun, RunChildren
from ._environment import named
from ._exceptions import NotSupportedException, RunEnvironmentException, UserErrorException
from ._files import KeptFiles
from ._placeholder import explain
from ._requests import ask
from ._run_files import RunFiles
from ._run_labels import RunLabels
from ._run_metrics import RunMetrics
from ._run_models import RunModels
from ._snapshots import RunSnapshots

# What Azure's runs can do that a run cannot do to itself here; using one says so.
NOT_INSIDE = frozenset(
    """archive cancel_children delete get_all_logs get_detailed_status get_hyperdrive_run get_portal_url
    get_snapshot_id get_all get_run list start_logging unarchive wait_for_completion""".split()
)


class Run(RunMetrics, RunLabels, RunFiles, RunModels, RunChildren, RunSnapshots):
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
        self.input_datasets = _inputs.InputDatasets()
        self.output_datasets = _inputs.output_folders()
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

    get_submitted_run = get_context

    # What the run is

    @property
    def parent(self):
        """The run that this one was submitted for; None when there is none."""
        parent = self._ask_run().get("parent")
        return OtherRun(self.experiment, {"id": parent}) if parent else None

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

    def get_status(self) -> str:
        """Return the state of the run: it runs."""
        return self.status

    def get_details(self) -> dict:
        """Return what the run knows about itself, by Azure's keys."""
        known = self._ask_run()
        return {
            "runId": self.id,
            "target": "local",
            "status": self.status,
            "startTimeUtc": known.get("start_time"),
            "properties": self.get_properties(),
            "inputDatasets": _inputs.input_details(known.get("datasets_read", ())),
            "outputDatasets": _inputs.output_details(),
            "runDefinition": {},
            "logFiles": {},
        }

    def get_environment(self):
        """Return the environment of the run: its name and version, and the variables that it sets.

        Raises UserErrorException where the run has an image and no environment.
        """
        known = self._ask_run().get("environment")
        if not known:
            raise UserErrorException("the run was submitted with an image that belongs to no environment by name")
        return named(known["name"], known["version"], known["variables"])

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
