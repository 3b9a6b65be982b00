"""What a run gets and leaves, as a ScriptRunConfig has it: among the arguments, or in `inputs` and `outputs_to`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from orris.artifacts.v1 import data_pb2
from orris.errors import InvalidArgument
from orris.names import check_id
from orris.runs.v1 import runs_pb2
from orris.sdk.datastore import DataPath, Datastore, paths_of

if TYPE_CHECKING:
    from orris.sdk.dataset import Dataset
    from orris.sdk.workspace import Workspace

MODES = {
    "direct": runs_pb2.RunInput.MODE_DIRECT,
    "download": runs_pb2.RunInput.MODE_DOWNLOAD,
    "mount": runs_pb2.RunInput.MODE_MOUNT,
}


class DatasetConsumptionConfig:
    """A dataset as an input of a run: `mode` is "direct", "download" or "mount". As an argument it says where it is."""

    def __init__(self, name: str, dataset: Dataset, mode: str = "direct", path_on_compute: str | None = None) -> None:
        if mode not in MODES:
            raise InvalidArgument(f"mode: {mode!r} is none of {', '.join(MODES)}", field="mode")
        self.name = name
        self.dataset = dataset
        self.mode = mode
        self.path_on_compute = path_on_compute

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the same as files of the run's own."""
        return DatasetConsumptionConfig(self.name, self.dataset, "download", path_on_compute)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the same as files that are only to be read."""
        return DatasetConsumptionConfig(self.name, self.dataset, "mount", path_on_compute)

    def as_direct(self) -> DatasetConsumptionConfig:
        """Return the same as a dataset, which the run opens."""
        return DatasetConsumptionConfig(self.name, self.dataset)

    def to_message(self, workspace: Workspace) -> runs_pb2.RunInput:
        """Return what a run asks for."""
        message = self.dataset.as_input(workspace)
        message.name, message.mode = self.name, MODES[self.mode]
        message.path_on_compute = self.path_on_compute or ""
        return message

    def __str__(self) -> str:
        return f"${{{{inputs.{self.name}}}}}"

    def __repr__(self) -> str:
        return f"DatasetConsumptionConfig({self.name!r}, {self.dataset!r}, {self.mode!r})"


class OutputFileDatasetConfig:
    """A folder that a run fills, kept in a datastore when it has completed. As an argument it says where the folder is.

    `destination` is a (datastore, path) pair, in which `{run-id}` and `{output-name}` stand for what they say.
    """

    def __init__(self, name: str | None = None, destination: Any = None, source: Any = None) -> None:
        if source is not None:
            raise InvalidArgument(
                "source: write into the folder that the program is told; leave it out", field="source"
            )
        self.name = name or f"output_{secrets.token_hex(4)}"
        self.destination = DataPath(_NOWHERE) if destination is None else paths_of(destination)[0]
        self._registration: dict[str, Any] = {}
        self._table: data_pb2.Table | None = None

    def register_on_complete(
        self, name: str, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Self:
        """Return the same, registered as a version of a dataset when the run has completed."""
        check_id("dataset", name, field="name")
        made = self._copy()
        made._registration = {"register_as": name, "description": description or "", "tags": dict(tags or {})}
        return made

    def as_upload(self, overwrite: bool = False, source_globs: Any = None) -> Self:
        """Return the same: the folder is uploaded at the run's end in any case."""
        return self._copy()

    def as_mount(self, disable_metadata_cache: bool = False) -> Self:
        """Return the same: the folder is uploaded at the run's end in any case."""
        return self._copy()

    def read_delimited_files(self, include_path: bool = False, separator: str = ",", header: Any = None,
                             encoding: str = "utf8", **_options: Any) -> Self:  # fmt: skip
        """Return the same, as a table of lines of values."""
        from orris.sdk.table_options import delimited

        made = self._copy()
        made._table = delimited(separator, header, encoding, include_path)
        return made

    def to_message(self, workspace: Workspace) -> runs_pb2.RunOutput:
        """Return what a run is to leave."""
        store = self.destination.datastore
        return runs_pb2.RunOutput(
            name=self.name,
            datastore="" if store is _NOWHERE else store.resource_name,
            path=self.destination.path_on_datastore.strip("/"),
            table=self._table,
            **self._registration,
        )

    def _copy(self) -> Self:
        made = type(self).__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __str__(self) -> str:
        return f"${{{{outputs.{self.name}}}}}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


_NOWHERE: Datastore = object.__new__(Datastore)  # the default of whichever workspace it is submitted to


def data_of(words: Iterable[object], more: object) -> list[Any]:
    """Return the inputs or outputs among arguments, and those that were given beside them, each once.

    Raises InvalidArgument for a dataset that is not said to be an input, and for two that have one name.
    """
    given = list(more.values()) if isinstance(more, Mapping) else list(more or ())  # type: ignore[call-overload]
    from orris.sdk.dataset import Dataset

    found: dict[str, Any] = {}
    for each in (*given, *words):
        if isinstance(each, Dataset):
            message = (
                f"{each!r} is no argument by itself: say as_named_input(name), and how: .as_mount(), .as_download()"
            )
            raise InvalidArgument(message, field="arguments")
        if not isinstance(each, DatasetConsumptionConfig | OutputFileDatasetConfig):
            continue
        if _content(found.setdefault(str(each), each)) != _content(each):
            raise InvalidArgument(f"{each.name!r} names two different inputs or outputs; rename one", field="arguments")
    return list(found.values())


def _content(data: DatasetConsumptionConfig | OutputFileDatasetConfig) -> dict[str, Any]:
    """Return what tells it from others of the same name."""
    if isinstance(data, DatasetConsumptionConfig):
        return {"id": data.dataset.id, "mode": data.mode, "path": data.path_on_compute}
    return vars(data)
