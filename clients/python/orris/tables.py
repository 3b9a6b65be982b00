"""How the files of a dataset are read as a table, as text that is equal for equal ones; and a dataset's id."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any, Protocol

from google.protobuf import json_format

from orris.artifacts.v1 import data_pb2 as pb
from orris.errors import InvalidArgument
from orris.partitions import partition_of


class _Read(Protocol):
    """A message with files and how they are read: a dataset's version, an input of a run."""

    partition_format: str

    @property
    def table(self) -> pb.Table: ...

    def HasField(self, field_name: Any, /) -> bool: ...  # protobuf's name


def definition_of(table: pb.Table) -> str:
    """Return a definition as JSON, the same for equal ones: names as in the contract, what is not set left out."""
    return json.dumps(fields_of(table), sort_keys=True, separators=(",", ":"))


def fields_of(table: pb.Table) -> dict[str, Any]:
    """Return a definition as an object of JSON, for a program that has no protobuf; whole numbers are numbers."""
    found: dict[str, Any] = json_format.MessageToDict(table, preserving_proto_field_name=True)
    for step in found.get("steps", ()):
        for name in ("take", "skip"):
            if name in step:
                step[name] = int(step[name])  # of 64 bits, which JSON of protobuf writes as text
        if "sample" in step:
            sample = {"seed": 0, "low": 0.0, "high": 0.0} | step["sample"]
            step["sample"] = sample | {"seed": int(sample["seed"])}
    return found


def plan_of(table: pb.Table) -> dict[str, Any]:
    """Return a definition as what reads the files is told it: its fields, and what paths are looked through for.

    Raises InvalidArgument for a `partition_format` that is none.
    """
    found = fields_of(table)
    return found | {"partition": partition_of(table.partition_format)} if table.partition_format else found


def table_of(definition: str) -> pb.Table:
    """Return the definition that a text of `definition_of` has."""
    return json_format.Parse(definition, pb.Table())


def reading_of(message: _Read) -> str:
    """Return how files are read, as text that is equal for equal ways: as a table, or each for itself.

    That is the definition of a table without a format where they are files whose paths say something, and empty where
    they are only files. Raises InvalidArgument for a `partition_format` that is none, or beside a table.
    """
    if message.HasField("table"):
        if message.partition_format:
            text = "partition_format: a table has its own; leave this one out"
            raise InvalidArgument(text, field="partition_format", reason="INVALID_DATASET")
        return definition_of(message.table)
    if not message.partition_format:
        return ""
    partition_of(message.partition_format)
    return definition_of(pb.Table(partition_format=message.partition_format))


def set_reading(message: _Read, reading: str) -> None:
    """Put into a message how its files are read, from a text of `reading_of`."""
    if is_table(reading):
        message.table.CopyFrom(table_of(reading))
    elif reading:
        message.partition_format = table_of(reading).partition_format


def is_table(reading: str) -> bool:
    """Tell whether files are read as a table, by a text of `reading_of`."""
    return bool(reading) and "format" in json.loads(reading)


def dataset_id(tree_digest: str, definition: str = "") -> str:
    """Return the id of what these files are, read like this: a UUID (version 8, RFC 9562) of their SHA-256."""
    digest = bytearray(hashlib.sha256(f"{tree_digest}\n{definition}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))
