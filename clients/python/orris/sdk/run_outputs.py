"""What a run has left in the folders that it was to fill (`OutputFileDatasetConfig`): as datasets, and as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orris.errors import NotFound
from orris.names import DatasetVersionName
from orris.runs.v1 import runs_pb2
from orris.sdk.progress import bytes_shown

if TYPE_CHECKING:
    from orris.sdk.file_dataset import FileDataset
    from orris.sdk.run import Run
    from orris.sdk.tabular_dataset import TabularDataset


def output_datasets(run: Run) -> dict[str, FileDataset | TabularDataset]:
    """Return what a run has left, by the names of its outputs; one that is empty, or not there yet, is left out."""
    return {each.name: dataset_of(run, each) for each in run.message.outputs_to if each.tree}


def dataset_of(run: Run, known: runs_pb2.RunOutput | runs_pb2.RunDataset) -> FileDataset | TabularDataset:
    """Return what a run has left, or read: the version that is registered; where none is (any more), the files."""
    from orris.artifacts.v1 import data_pb2
    from orris.sdk.dataset import Dataset
    from orris.sdk.dataset_files import KeptFiles
    from orris.sdk.file_dataset import FileDataset

    if known.dataset:
        parsed = DatasetVersionName.parse(known.dataset)
        try:
            return Dataset.get(run.workspace, parsed.dataset, parsed.version)
        except NotFound:
            pass
    return FileDataset(KeptFiles(run.workspace, known.tree), None, data_pb2.DatasetVersion(name=known.dataset))


def save_output(run: Run, name: str, prefix: str, folder: str | Path) -> list[Path]:
    """Save the files of an output at or below `prefix` into `folder`. Raises NotFound."""
    left = next((each for each in run.message.outputs_to if each.name == name), None)
    if left is None:
        known = ", ".join(each.name for each in run.message.outputs_to) or "none"
        raise NotFound(f"run {run.id} has no output {name!r}; it has {known}", reason="OUTPUT_NOT_FOUND")
    if not left.tree:
        later = "it is empty" if run.finished else "what is in it is kept when the run has ended"
        raise NotFound(f"run {run.id} has left nothing in its output {name}: {later}", reason="OUTPUT_NOT_FOUND")
    with bytes_shown("Downloading") as progress:
        return run.workspace.transfer.download(left.tree, Path(folder), prefix.strip("/"), progress=progress)
