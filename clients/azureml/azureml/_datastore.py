"""Datastores, under Azure's names: places in the workspace itself, and no other storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from azureml._errors import translated
from azureml._placeholder import Refusing, refuse
from azureml.exceptions import UserErrorException
from orris.sdk import datastore as sdk

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

_UPLOAD = "upload the files to ws.get_default_datastore(): they are kept in the workspace, each once"


@translated(not_found=UserErrorException)
class Datastore(Refusing, sdk.Datastore):
    """A datastore of the workspace, the default one unless it is named."""

    _lacking = """account_key account_name as_default blob_service container_name credential_type endpoint protocol
    sas_token set_as_default subscription_id tenant_id unregister"""
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

    @staticmethod
    def register_azure_blob_container(*_args: Any, **_options: Any) -> NoReturn:
        """Refuse: no other storage is reached."""
        refuse("Datastore.register_azure_blob_container", _UPLOAD)

    @staticmethod
    def register_azure_file_share(*_args: Any, **_options: Any) -> NoReturn:
        """Refuse: no other storage is reached."""
        refuse("Datastore.register_azure_file_share", _UPLOAD)

    @staticmethod
    def register_azure_data_lake_gen2(*_args: Any, **_options: Any) -> NoReturn:
        """Refuse: no other storage is reached."""
        refuse("Datastore.register_azure_data_lake_gen2", _UPLOAD)
