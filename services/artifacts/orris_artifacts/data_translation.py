"""Between the messages of DataService and the domain."""

from __future__ import annotations

from orris.artifacts.v1 import data_pb2 as pb
from orris.errors import InvalidArgument
from orris.names import DatastoreName, TreeName
from orris.tables import dataset_id, plan_of, reading_of, set_reading
from orris_artifacts.data_checks import check_partition_format, check_table
from orris_artifacts.datasets import Draft, Version
from orris_artifacts.datastores import Datastore


def tree_digest(workspace: str, name: str, field: str) -> str:
    """Return the digest of a tree of a workspace by its name. Raises InvalidArgument."""
    tree = TreeName.parse(name, field=field)
    if tree.workspace != workspace:
        raise InvalidArgument(f"{field}: {name} is of another workspace", field=field, reason="OTHER_WORKSPACE")
    return tree.sha256


def draft_from(workspace: str, message: pb.DatasetVersion, created_by: str, run: str) -> Draft:
    """Return the version that a message describes; what the server sets is ignored. Raises InvalidArgument."""
    tree = tree_digest(workspace, message.tree, "dataset_version.tree")
    if message.HasField("table"):
        check_table(plan_of(message.table), message.table.ByteSize())
    check_partition_format(message.partition_format)
    reading = reading_of(message)
    tags = dict(message.tags)
    return Draft(tree, dataset_id(tree, reading), reading, message.description, tags, created_by, run)


def version_message(version: Version) -> pb.DatasetVersion:
    """Return the message that describes a version."""
    message = pb.DatasetVersion(
        name=version.name,
        tree=str(TreeName(version.workspace, version.tree)),
        description=version.description,
        tags=version.tags,
        id=version.id,
        file_count=version.file_count,
        total_size=version.total_size,
        created_by=version.created_by,
        run=version.run,
    )
    set_reading(message, version.table_definition)
    message.create_time.FromDatetime(version.create_time)
    return message


def datastore_message(datastore: Datastore) -> pb.Datastore:
    """Return the message that describes a datastore."""
    message = pb.Datastore(
        name=str(DatastoreName(datastore.workspace, datastore.datastore)),
        tree=str(TreeName(datastore.workspace, datastore.tree)),
        file_count=datastore.file_count,
        total_size=datastore.total_size,
    )
    message.create_time.FromDatetime(datastore.create_time)
    message.update_time.FromDatetime(datastore.update_time)
    return message
