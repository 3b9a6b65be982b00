"""Data references: what runs got before there were datasets."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from azureml._errors import translated
from orris.sdk.data_inputs import DatasetConsumptionConfig
from orris.sdk.datastore import DataPath

if TYPE_CHECKING:
    from orris.sdk.datastore import Datastore


@translated()
class DataReference(DatasetConsumptionConfig):
    """The files at a path in a datastore, as they are now, as an input of a run."""

    def __init__(
        self,
        datastore: Datastore,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str | None = "mount",
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.datastore = datastore
        self.path_on_datastore = path_on_datastore or ""
        self.data_reference_name = data_reference_name or f"input_{secrets.token_hex(4)}"
        place = DataPath(datastore, self.path_on_datastore)
        given = place.as_named_input(self.data_reference_name, mode or "mount", path_on_compute)
        super().__init__(given.name, given.dataset, given.mode, path_on_compute, given.as_folder)
