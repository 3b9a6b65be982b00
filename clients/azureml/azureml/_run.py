"""Runs, seen from where they were submitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from azureml._errors import translated
from azureml._placeholder import Refusing, refuse, refuse_given
from azureml.exceptions import RunEnvironmentException, ServiceException
from orris.runs.v1 import runs_pb2
from orris.sdk import run as sdk
from orris.sdk import run_files
from orris.sdk.registration import register_from_run

if TYPE_CHECKING:
    from azureml._dataset import FileDataset, TabularDataset
    from azureml._environment import Environment
    from azureml._experiment import Experiment
    from azureml._interactive import InteractiveRun
    from azureml._model import Model
    from orris.sdk.offline import OfflineRun
    from orris.sdk.workspace import Workspace


@translated(not_found=ServiceException)
class Run(Refusing, sdk.Run):
    """A submitted run by its id. Raises ServiceException when there is no such run in the workspace."""

    _lacking = """add_type_provider clean complete fail flush get_detailed_status get_secret get_secrets input_datasets
    log log_accuracy_table log_confusion_matrix log_image log_list log_predictions log_residuals log_row log_table
    output_datasets start"""

    def __init__(self, experiment: Experiment, run_id: str, outputs: Any = None, **_options: Any) -> None:
        super().__init__(experiment.workspace, sdk.Run.get(experiment.workspace, run_id).message)

    @classmethod
    def adopt(cls, run: sdk.Run) -> Self:
        """Return a run of Orris's library as one of Azure's kind."""
        adopted = cls.__new__(cls)
        sdk.Run.__init__(adopted, run.workspace, run.message)
        return adopted

    @classmethod
    def get(cls, workspace: Workspace, run_id: str) -> Self:
        """Return the run of that id; a sweep as a HyperDriveRun."""
        found = sdk.Run.get(workspace, run_id)
        return cls.adopt(found) if cls is not Run else adopted(found)  # type: ignore[return-value]  # a subclass

    @classmethod
    def get_context(
        cls, allow_offline: bool = True, used_for_context_manager: bool = False, **_options: Any
    ) -> OfflineRun:
        """Return a run that prints what it is told: this program was not submitted.

        Raises RunEnvironmentException unless `allow_offline`.
        """
        if not allow_offline:
            raise RunEnvironmentException("this program is no run: submit it, or allow an offline run")
        return sdk.Run.get_context()

    @property
    def experiment(self) -> Experiment:
        """The experiment that the run belongs to."""
        from azureml._experiment import Experiment

        return Experiment(self.workspace, super().experiment.name)

    @property
    def type(self) -> str | None:
        """What kind of run it is in Azure's words: "azureml.scriptrun", "hyperdrive", None for an interactive one."""
        if self.message.kind == runs_pb2.RUN_KIND_SWEEP:
            return "hyperdrive"
        return None if self.message.kind == runs_pb2.RUN_KIND_INTERACTIVE else "azureml.scriptrun"

    @property
    def parent(self) -> Run | None:
        """The run that it is a child of; None when it is none."""
        found = super().parent
        return None if found is None else adopted(found)

    def child_run(
        self, name: str | None = None, run_id: str | None = None, outputs: str | None = None
    ) -> InteractiveRun:
        """Begin a run below this one, held by this program."""
        from azureml._interactive import InteractiveRun

        return InteractiveRun.adopt(super().child_run(name, outputs=outputs))

    def submit_child(self, config: Any, tags: Mapping[str, str] | None = None, **options: Any) -> Run:
        """Submit a ScriptRunConfig as a run below this one."""
        from azureml._script_run_config import ScriptRunConfig

        refuse_given("Run.submit_child", **options)
        if not isinstance(config, ScriptRunConfig):
            refuse(f"Run.submit_child of a {type(config).__name__}", "submit a ScriptRunConfig")
        return Run.adopt(super().submit_child(config.to_orris(self.workspace), tags))

    def get_children(
        self,
        recursive: bool = False,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | str | None = None,
        type: str | None = None,
        status: str | None = None,
        _rehydrate_runs: bool = True,
    ) -> Iterator[Run]:
        """Yield the runs below this one, newest first; with `recursive` also those below them."""
        for each in super().get_children(recursive, tags, properties, None, status):
            if type in (None, adopted(each).type):
                yield adopted(each)

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: Any = None) -> None:
        """Keep a file (a path, or a stream) with the run under `name`."""
        refuse_given("Run.upload_file", datastore_name=datastore_name)
        super().upload_file(name, path_or_stream)

    def upload_files(
        self,
        names: Any,
        paths: Any,
        return_artifacts: bool = False,
        timeout_seconds: float | None = None,
        datastore_name: Any = None,
    ) -> None:
        """Keep files with the run, each under its name."""
        refuse_given("Run.upload_files", datastore_name=datastore_name, return_artifacts=return_artifacts or None)
        super().upload_files(names, paths)

    def upload_folder(self, name: str, path: Any, datastore_name: Any = None) -> None:
        """Keep all files below a folder with the run, below `name`."""
        refuse_given("Run.upload_folder", datastore_name=datastore_name)
        super().upload_folder(name, path)

    @property
    def display_name(self) -> str:
        """The name for people; the id unless one was given."""
        return self.name

    def wait_for_completion(  # type: ignore[override]  # Azure's parameters
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Wait until the run has ended and its outputs are kept; with `show_output` print its logs as they grow.

        Raises ActivityFailedException when it failed, ExperimentExecutionException on Ctrl-C: the run goes on.
        """
        return _with_datasets(self, super().wait_for_completion(show_output, raise_on_error))

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: Any = None, populate: bool = False
    ) -> dict[str, Any]:
        """Return {name: value, list, {column: list}, or the address of an artifact}."""
        return super().get_metrics(name, recursive)

    def get_details(self) -> dict[str, Any]:
        """Return what is known of the run; the `dataset`s in it are datasets."""
        return _with_datasets(self, super().get_details())

    def get_details_with_logs(self) -> dict[str, Any]:
        """Return `get_details()` with each log's text in the place of its address."""
        details = self.get_details()
        return {**details, "logFiles": {name: self.get_logs(name) for name in details["logFiles"]}}

    def get_all_logs(self, destination: str | Path | None = None) -> list[str]:
        """Save all logs below `destination` (default: the working directory); return their paths."""
        folder = Path(destination or ".")
        return [self.download_file(name, folder / name) for name in run_files.log_names(self)]

    def download_files(  # type: ignore[override]  # Azure's parameters
        self,
        prefix: str | None = None,
        output_directory: str | Path | None = None,
        output_paths: Any = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> list[str]:
        """Save the files below `prefix` (default: all) into a folder; return their paths there."""
        refuse_given("Run.download_files", output_paths=output_paths)
        return super().download_files(prefix, output_directory or ".", append_prefix)

    def get_output_datasets(self) -> dict[str, FileDataset | TabularDataset]:  # type: ignore[override]  # of its kind
        """Return what the run has left in the folders that it was to fill, by the names of its outputs."""
        from azureml._abstract_dataset import adopted as dataset_adopted

        return {name: dataset_adopted(each) for name, each in super().get_output_datasets().items()}

    def get_environment(self) -> Environment:
        """Return the environment of the run, in the version that it used."""
        from azureml._environment import Environment

        used = self.get_details()["runDefinition"]["environment"]
        return Environment.get(self.workspace, used["name"], used["version"])

    def get_snapshot_id(self) -> str:
        """Return the id of the snapshot of the source folder: equal for folders of equal content."""
        return self.message.snapshot.rpartition("/")[2]

    def get_portal_url(self) -> str:
        """Return the command that shows the run: there is no page."""
        return f"orris runs show {self.id}"

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, object] | None = None,
        properties: Mapping[str, object] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        datasets: Any = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
        **options: Any,
    ) -> Model:
        """Register a file or folder that the run kept (by default the one named like the model) as a model.

        Option: `sample_input`, rows that the model's conversion is checked with.
        """
        from azureml._model import Model
        from azureml._model_datasets import with_datasets

        refuse_given("Run.register_model", sample_output_dataset=sample_output_dataset)
        model = register_from_run(
            self,
            model_name,
            model_path,
            tags=tags,
            properties=with_datasets(properties, datasets),
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            description=description,
            sample_input_dataset=sample_input_dataset,
            resource_configuration=resource_configuration,
            **options,
        )
        return Model.from_message(self.workspace, model.message)

    def __repr__(self) -> str:
        return f"Run(Experiment: {self.experiment.name},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"


def _with_datasets(run: sdk.Run, details: dict[str, Any]) -> dict[str, Any]:
    if not (details["inputDatasets"] or details["outputDatasets"]):
        return details
    from azureml._run_datasets import with_datasets

    return with_datasets(run, details)


def adopted(run: sdk.Run) -> Run:
    """Return a run of Orris's library as one of Azure's kind; one that is so already stays as it is."""
    if isinstance(run, Run):
        return run
    if run.message.kind == runs_pb2.RUN_KIND_SWEEP:
        from azureml._hyperdrive_run import HyperDriveRun

        return HyperDriveRun.adopt(run)
    return Run.adopt(run)


def get_run(experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True) -> Run:
    """Return a run of an experiment by its id; a sweep as a HyperDriveRun."""
    return Run.get(experiment.workspace, run_id)
