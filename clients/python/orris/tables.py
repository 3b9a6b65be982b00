"""How the files of a dataset are read as a table, as text that is equal for equal ones; and a dataset's id."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from google.protobuf import json_format

from orris.artifacts.v1 import data_pb2 as pb
from orris.partitions import partition_of


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


def dataset_id(tree_digest: str, definition: str = "") -> str:
    """Return the id of what these files are, read like this: a UUID (version 8, RFC 9562) of their SHA-256."""
    digest = bytearray(hashlib.sha256(f"{tree_digest}\n{definition}".encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))
