"""Paths in datastores, under Azure's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from azureml._data_inputs import UPLOADING, DatasetConsumptionConfig
from azureml._errors import translated
from azureml._placeholder import Refusing
from orris.sdk import datastore as sdk

if TYPE_CHECKING:
    from azureml._data_reference import DataReference


@translated()
class DataPath(Refusing, sdk.DataPath):
    """A path in a datastore: a file, a folder, or a pattern with `*` and `**`; `name` is its name as an input."""

    _lacking = "as_upload to_config"
    _instead: Mapping[str, str] = {"as_upload": UPLOADING}

    def __init__(self, datastore: sdk.Datastore, path_on_datastore: str | None = None, name: str | None = None) -> None:
        super().__init__(datastore, path_on_datastore or "", name)

    @staticmethod
    def create_from_data_reference(data_reference: DataReference) -> DataPath:
        """Return the path that a data reference means."""
        reference = data_reference
        return DataPath(reference.datastore, reference.path_on_datastore, reference.data_reference_name)

    def as_named_input(
        self, name: str | None, mode: str, path_on_compute: str | None = None
    ) -> DatasetConsumptionConfig:
        """Return the files that are there now as an input; a folder is one, be there only one file in it."""
        given = super().as_named_input(name or self.name, mode, path_on_compute)
        return DatasetConsumptionConfig.adopt(given)
