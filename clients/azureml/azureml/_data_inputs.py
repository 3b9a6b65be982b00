"""Data as inputs of runs, under Azure's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from azureml._abstract_dataset import adopted
from azureml._errors import translated
from azureml._placeholder import Refusing
from orris.sdk import data_inputs as sdk

if TYPE_CHECKING:
    from azureml._dataset import FileDataset, TabularDataset
    from orris.sdk.dataset import Dataset

UPLOADING = (
    "give the run OutputFileDatasetConfig(name, (datastore, 'path')) as an argument, which says in which folder the "
    "script leaves what is put there"
)


@translated()
class DatasetConsumptionConfig(Refusing, sdk.DatasetConsumptionConfig):
    """A dataset as an input of a run: `mode` is "direct", "download" or "mount". As an argument it says where it is."""

    _lacking = "as_hdfs as_upload"
    _instead: Mapping[str, str] = {"as_hdfs": "use as_mount() or as_download()", "as_upload": UPLOADING}

    def __init__(
        self,
        name: str,
        dataset: Dataset,
        mode: str = "direct",
        path_on_compute: str | None = None,
        as_folder: bool = False,
    ) -> None:
        super().__init__(name, dataset, str(mode).lower(), path_on_compute, as_folder)

    @classmethod
    def adopt(cls, given: sdk.DatasetConsumptionConfig) -> Self:
        """Return an input of Orris's library as one of Azure's kind."""
        return cls(given.name, adopted(given.dataset), given.mode, given.path_on_compute, given.as_folder)

    def _with(self, mode: str, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(self.name, self.dataset, mode, path_on_compute, self.as_folder)


@translated()
class OutputConsumptionConfig(sdk.OutputConsumptionConfig, DatasetConsumptionConfig):
    """What a run leaves, as an input of another."""

    @property
    def dataset(self) -> FileDataset | TabularDataset:  # type: ignore[override]  # it is not there from the beginning
        """What the run has left. Raises UserErrorException where it has not yet."""
        return adopted(self._output.left())

    def _with(self, mode: str, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        return OutputConsumptionConfig(self.name, self._output, mode, path_on_compute)
