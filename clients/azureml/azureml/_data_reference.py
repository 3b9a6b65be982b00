"""Data references: what runs got before there were datasets."""

from __future__ import annotations

import copy
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from azureml._data_inputs import DatasetConsumptionConfig
from azureml._data_path import DataPath
from azureml._datastore import Datastore
from azureml._errors import translated
from azureml.exceptions import UserErrorException

if TYPE_CHECKING:
    from orris.sdk import datastore as sdk
    from orris.sdk.workspace import Workspace

# The variable that tells a program where an input is; Azure takes it as an argument, too.
_VARIABLE = re.compile(r"\$\{?AZUREML_DATAREFERENCE_(\w+)\}?")


@translated()
class DataReference(DatasetConsumptionConfig):
    """The files at a path in a datastore, as they are now, as an input of a run."""

    def __init__(
        self,
        datastore: sdk.Datastore,
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

    def to_config(self) -> DataReferenceConfiguration:
        """Return the same for `RunConfiguration.data_references`."""
        return DataReferenceConfiguration(self.datastore.name, self.mode, self.path_on_datastore, self.path_on_compute)


class DataReferenceConfiguration:
    """A path in a datastore, both by their names, as `RunConfiguration.data_references` has it."""

    def __init__(
        self,
        datastore_name: str | None = None,
        mode: str = "mount",
        path_on_datastore: str | None = None,
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.datastore_name = datastore_name
        self.mode = mode
        self.path_on_datastore = path_on_datastore
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite


def inputs_named(given: Mapping[str, object], workspace: Workspace) -> list[DatasetConsumptionConfig]:
    """Return the inputs that a run is given by their names. Raises UserErrorException for what is none."""
    return [_input_named(name, each, workspace) for name, each in given.items()]


def with_places(argument: object) -> object:
    """Return an argument with what Azure exchanges for the place of an input as Orris has it."""
    return _VARIABLE.sub(r"${{inputs.\1}}", argument) if isinstance(argument, str) else argument


def _input_named(name: str, each: object, workspace: Workspace) -> DatasetConsumptionConfig:
    if isinstance(each, DataReferenceConfiguration):
        store = Datastore(workspace, each.datastore_name)
        return DataReference(store, name, each.path_on_datastore, each.mode, each.path_on_compute)
    if not isinstance(each, DatasetConsumptionConfig):
        how = f"give dataset.as_named_input({name!r}), or DataReference(datastore, {name!r}, path).to_config()"
        raise UserErrorException(f"{name}: {each!r} is no input of a run; {how}")
    made = copy.copy(each)
    made.name = name
    return made
