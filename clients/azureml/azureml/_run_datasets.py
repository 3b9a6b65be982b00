"""The datasets of a run, as `get_details` has them: what is said of each, and the dataset itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from azureml._abstract_dataset import adopted
from azureml._dataset import FileDataset, TabularDataset
from orris.artifacts.v1 import data_pb2
from orris.errors import NotFound
from orris.names import DatasetVersionName
from orris.runs.v1 import runs_pb2
from orris.sdk.dataset import Dataset
from orris.sdk.dataset_files import KeptFiles
from orris.sdk.run_outputs import dataset_of

if TYPE_CHECKING:
    from orris.sdk.run import Run
    from orris.sdk.workspace import Workspace

Opened = FileDataset | TabularDataset


class RunDataset(dict[str, Any]):
    """The id of a dataset, and its name and version where it has some. Its attributes are those of the dataset."""

    def __init__(self, said: dict[str, Any], opening: Callable[[], Opened]) -> None:
        super().__init__(said)
        self._opening = opening

    @cached_property
    def _dataset(self) -> Opened:
        return self._opening()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._dataset, name)


def with_datasets(run: Run, details: dict[str, Any]) -> dict[str, Any]:
    """Return the details of a run with its datasets: nothing is asked for them until they are used."""
    message, workspace = run.message, run.workspace
    given = [partial(_given, workspace, each) for each in message.inputs]
    read = [partial(_known, run, each) for each in message.datasets_read]
    left = [partial(_known, run, each) for each in message.outputs_to]
    return details | {
        key: [_opened(each, opening) for each, opening in zip(details[key], openings, strict=True)]
        for key, openings in (("inputDatasets", given + read), ("outputDatasets", left))
    }


def _opened(entry: dict[str, Any], opening: Callable[[], Opened]) -> dict[str, Any]:
    said = entry["dataset"]
    return entry if said is None else {**entry, "dataset": RunDataset(said, opening)}


def _given(workspace: Workspace, message: runs_pb2.RunInput) -> Opened:
    """Return an input: read as the run was told, which may be otherwise than the version is."""
    found = _registered(workspace, message.dataset)
    version = found.message if found else data_pb2.DatasetVersion(name=message.dataset)
    files = KeptFiles(workspace, message.tree)
    if message.HasField("table"):
        return TabularDataset(files, message.table, version)
    return FileDataset(files, None, version, message.partition_format)


def _known(run: Run, message: runs_pb2.RunDataset | runs_pb2.RunOutput) -> Opened:
    return adopted(dataset_of(run, message))


def _registered(workspace: Workspace, name: str) -> Dataset | None:
    if not name:
        return None
    parsed = DatasetVersionName.parse(name)
    try:
        return Dataset.get(workspace, parsed.dataset, parsed.version)
    except NotFound:
        return None
