"""`dataset.register` inside a run: files that it was given, asked for or has made become a version of a dataset."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any

from google.protobuf import json_format

from orris import errors
from orris.artifacts.v1 import data_pb2
from orris.artifacts.v1 import data_service_pb2 as rpc
from orris.names import RunName
from orris_agent.datasets import described, found_version
from orris_agent.folder import RunFolder
from orris_agent.keeping import as_text, readable_files
from orris_agent.requests import RunRequest
from orris_agent.run_file import RunFile
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking

TO_REGISTER = "register"  # of the folders with what a program has made, in what it writes
_FOLDER = re.compile(r"[0-9a-f]{32}")


class DatasetRegistration:
    """Answers `register_dataset`."""

    def __init__(self, storage_of: Callable[[str], Storage]) -> None:
        self._storage_of = storage_of

    async def register_dataset(self, request: RunRequest) -> dict[str, Any]:
        """Register a version as `register_as`; return what it is, as `describe_dataset` does.

        Its files are those of `folder` in the run's `register/`; else those of the run's `input` of that name, or of
        `dataset` (as for `get_dataset`), all or only `paths`. `table` says how they are read, where they are a table.
        """
        parameters, run = request.parameters, RunName.parse(request.lease.run.name)
        storage = self._storage_of(run.workspace)
        version = await _files(storage, request)
        if parameters.get("table") is not None:
            version.partition_format = ""
            version.table.CopyFrom(_table(parameters["table"]))
        version.run = str(run)
        version.description = str(parameters.get("description") or "")
        version.tags.update({str(key): str(value) for key, value in (parameters.get("tags") or {}).items()})
        create = rpc.CreateDatasetVersionRequest(
            parent=run.parent,
            dataset_id=str(parameters["register_as"] or ""),
            dataset_version=version,
            request_id=hashlib.sha256(f"{request.lease.id}/{request.id}".encode()).hexdigest(),
            only_first=not parameters.get("create_new_version"),
        )
        return described(await storage.register(create))


async def _files(storage: Storage, request: RunRequest) -> data_pb2.DatasetVersion:
    """Return the files that are meant, and what their paths say."""
    parameters, run = request.parameters, request.lease.run
    if "folder" in parameters:
        files = await run_blocking(_made, request.folder, str(parameters["folder"]))
        return data_pb2.DatasetVersion(tree=await storage.upload(files))
    if "input" in parameters:
        source: Any = next((each for each in run.inputs if each.name == parameters["input"]), None)
        if source is None:
            raise errors.InvalidArgument(f"input: the run has none called {parameters['input']!r}", field="input")
    else:
        source = await found_version(storage, RunName.parse(run.name).workspace, parameters["dataset"])
    paths = parameters.get("paths")
    tree = source.tree if paths is None else await storage.part(source.tree, list(map(str, paths)))
    return data_pb2.DatasetVersion(tree=tree, partition_format=source.partition_format)


def _made(folder: RunFolder, name: str) -> dict[str, RunFile]:
    """Return the files that a program has put into a folder. Raises FailedPrecondition (FILE_REFUSED)."""
    if not _FOLDER.fullmatch(name):
        raise errors.InvalidArgument(f"folder: {name[:100]!r} is no name of one", field="folder")
    top = f"{TO_REGISTER}/{name}"
    files, refused = readable_files(folder, ((path, f"{top}/{path}") for path in folder.written.files(top)))
    for path in sorted(refused):
        raise errors.FailedPrecondition(f"the dataset's file {as_text(path)} {refused[path]}", reason="FILE_REFUSED")
    return files


def _table(fields: dict[str, Any]) -> data_pb2.Table:
    """Return a definition of what a program says (`orris.tables.plan_of`). Raises InvalidArgument."""
    try:
        return json_format.ParseDict({key: fields[key] for key in fields if key != "partition"}, data_pb2.Table())
    except json_format.ParseError as error:
        raise errors.InvalidArgument(f"table: {error}", field="table") from error
