"""What all datasets have in common, and how registered ones are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azureml._errors import translated
from azureml._placeholder import Refusing
from orris.sdk import dataset as sdk

if TYPE_CHECKING:
    from azureml._data_inputs import DatasetConsumptionConfig
    from azureml._dataset import FileDataset, TabularDataset
    from orris.sdk.workspace import Workspace


class Registered:
    """Registered datasets by their names and ids."""

    @staticmethod
    def get_by_name(
        workspace: Workspace, name: str, version: int | str = sdk.LATEST, **_options: Any
    ) -> FileDataset | TabularDataset:
        """Return a registered version."""
        return adopted(sdk.Dataset.get(workspace, name, version))

    @staticmethod
    def get_by_id(workspace: Workspace, id: str, **_options: Any) -> FileDataset | TabularDataset:
        """Return a registered version by what it is."""
        return adopted(sdk.Dataset.get_by_id(workspace, id))

    @staticmethod
    def get_all(workspace: Workspace) -> dict[str, FileDataset | TabularDataset]:
        """Return the latest version of each dataset by name."""
        return {name: adopted(each) for name, each in sdk.Dataset.get_all(workspace).items()}


@translated()
class AbstractDataset(Registered, Refusing, sdk.Dataset):  # type: ignore[misc]  # Azure's parameters
    """A dataset of either kind."""

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        """Return it as an input of a run."""
        from azureml._data_inputs import DatasetConsumptionConfig

        return DatasetConsumptionConfig(name, self)


def adopted(found: sdk.Dataset) -> FileDataset | TabularDataset:
    """Return a dataset of Orris's library as one of Azure's kind."""
    from azureml._dataset import FileDataset, TabularDataset

    kind = FileDataset if found.table is None else TabularDataset
    return kind(found.files, found.table, found.message)
