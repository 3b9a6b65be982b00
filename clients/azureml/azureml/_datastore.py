"""Datastores, under Azure's names: places in the workspace itself, and no other storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azureml._data_inputs import UPLOADING
from azureml._data_path import DataPath
from azureml._errors import translated
from azureml._placeholder import Refusing, refuse
from azureml.exceptions import UserErrorException
from orris.sdk import datastore as sdk

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

_UPLOAD = "upload the files to ws.get_default_datastore(): they are kept in the workspace, each once"

_OTHER_STORAGE = """register_azure_blob_container register_azure_data_lake register_azure_data_lake_gen2
register_azure_file_share register_azure_my_sql register_azure_postgre_sql register_azure_sql_database register_dbfs
register_hdfs"""
_INSTEAD = {
    **dict.fromkeys(_OTHER_STORAGE.split(), _UPLOAD),
    "as_upload": UPLOADING,
    "unregister": "it is a place of the workspace itself; delete() ends it with its files",
}


class AbstractDatastore(Refusing):
    """A datastore of any kind. One that is there is what `Datastore.get(workspace, name)` returns."""

    def __init__(self, *_args: Any, **_options: Any) -> None:
        refuse(f"{type(self).__name__}(...)", "Datastore.get(workspace, name) returns one")


class AbstractAzureStorageDatastore(AbstractDatastore):
    """A datastore that files are kept in."""


class AzureBlobDatastore(AbstractAzureStorageDatastore):
    """What all datastores are, as far as scripts ask."""


@translated(not_found=UserErrorException)
class Datastore(sdk.Datastore, AzureBlobDatastore):
    """A datastore of the workspace, the default one unless it is named."""

    _lacking = f"""account_key account_name as_default as_upload blob_service container_name credential_type endpoint
    protocol sas_token subscription_id tenant_id unregister {_OTHER_STORAGE}"""
    _instead = _INSTEAD
    datastore_type = "AzureBlob"

    def __init__(self, workspace: Workspace, name: str | None = None) -> None:
        super().__init__(workspace, name or sdk.DEFAULT)

    @classmethod
    def get(cls, workspace: Workspace, datastore_name: str) -> Datastore:
        """Return a datastore that is there."""
        return cls(workspace, sdk.Datastore.get(workspace, datastore_name).name)

    @classmethod
    def get_default(cls, workspace: Workspace) -> Datastore:
        """Return the datastore that every workspace has."""
        return cls(workspace)

    def path(self, path: str | None = None, data_reference_name: str | None = None) -> DataPath:
        """Return a path in the datastore; as an input of a run it is called `data_reference_name`."""
        return DataPath(self, path, data_reference_name)

    def set_as_default(self) -> None:
        """Refuse another default than there is: it is the same for everybody."""
        self.workspace.set_default_datastore(self.name)  # type: ignore[attr-defined]  # of the facade's kind
