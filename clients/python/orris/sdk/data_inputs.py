"""What a run gets, as a ScriptRunConfig has it: among the arguments, or in `inputs`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2
from orris.sdk.data_outputs import OutputFileDatasetConfig

if TYPE_CHECKING:
    from orris.sdk.dataset import Dataset
    from orris.sdk.workspace import Workspace

MODES = {
    "direct": runs_pb2.RunInput.MODE_DIRECT,
    "download": runs_pb2.RunInput.MODE_DOWNLOAD,
    "mount": runs_pb2.RunInput.MODE_MOUNT,
}


class DatasetConsumptionConfig:
    """A dataset as an input of a run: `mode` is "direct", "download" or "mount". As an argument it says where it is.

    That is the folder; where there is only one file in it, that file, unless `as_folder`.
    """

    def __init__(
        self,
        name: str,
        dataset: Dataset,
        mode: str = "direct",
        path_on_compute: str | None = None,
        as_folder: bool = False,
    ) -> None:
        if mode not in MODES:
            raise InvalidArgument(f"mode: {mode!r} is none of {', '.join(MODES)}", field="mode")
        self.name = name
        self.dataset = dataset
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.as_folder = as_folder

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the same as files of the run's own."""
        return self._with("download", path_on_compute)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the same as files that are only to be read."""
        return self._with("mount", path_on_compute)

    def as_direct(self) -> DatasetConsumptionConfig:
        """Return the same as a dataset, which the run opens."""
        return self._with("direct")

    def _with(self, mode: str, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(self.name, self.dataset, mode, path_on_compute, self.as_folder)

    def to_message(self, workspace: Workspace) -> runs_pb2.RunInput:
        """Return what a run asks for. Raises InvalidArgument for some rows of files that the run would get as files."""
        message = self.dataset.as_input(workspace)
        if self.mode != "direct" and message.table.steps:
            text = (
                f"{self.name}: files have all rows and columns, and the dataset some of them; leave .as_{self.mode}() "
                "out, or give dataset.to_csv_files()"
            )
            raise InvalidArgument(text, field="mode")
        message.name, message.mode = self.name, MODES[self.mode]
        message.path_on_compute = self.path_on_compute or ""
        message.as_folder = self.as_folder and self.mode != "direct"
        return message

    def __str__(self) -> str:
        return f"${{{{inputs.{self.name}}}}}"

    def __repr__(self) -> str:
        return f"DatasetConsumptionConfig({self.name!r}, {self.dataset!r}, {self.mode!r})"


class OutputConsumptionConfig(DatasetConsumptionConfig):
    """What a run leaves, as an input of another: which files that are is asked when this other one is submitted."""

    def __init__(
        self, name: str, output: OutputFileDatasetConfig, mode: str, path_on_compute: str | None = None
    ) -> None:
        self.name = name
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.as_folder = True  # as the one that was filled
        self._output = output

    @property
    def dataset(self) -> Dataset:  # type: ignore[override]  # it is not there from the beginning
        """What the run has left. Raises FailedPrecondition where it has not yet."""
        return self._output.left()

    def _with(self, mode: str, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        return OutputConsumptionConfig(self.name, self._output, mode, path_on_compute)

    def __repr__(self) -> str:
        return f"OutputConsumptionConfig({self.name!r}, {self._output!r}, {self.mode!r})"


def data_of(words: Iterable[object], more: object) -> list[Any]:
    """Return the inputs or outputs among arguments, and those that were given beside them, each once.

    Raises InvalidArgument for data that is not said to be an input, and for two that have one name.
    """
    given = list(more.values()) if isinstance(more, Mapping) else list(more or ())  # type: ignore[call-overload]
    found: dict[str, Any] = {}
    for each in (*given, *words):
        _check_is_input(each)
        if not isinstance(each, DatasetConsumptionConfig | OutputFileDatasetConfig):
            continue
        first = found.setdefault(str(each), each)
        if first is not each and _content(first) != _content(each):
            raise InvalidArgument(f"{each.name!r} names two different inputs or outputs; rename one", field="arguments")
    return list(found.values())


def _check_is_input(each: object) -> None:
    from orris.sdk.dataset import Dataset
    from orris.sdk.datastore import DataPath, Datastore

    if isinstance(each, Dataset):
        how = "as_named_input(name), and how: .as_mount(), .as_download()"
    elif isinstance(each, DataPath | Datastore):
        how = ".as_mount() or .as_download()"
    else:
        return
    raise InvalidArgument(f"{each!r} is no argument by itself: say {how}", field="arguments")


def _content(data: DatasetConsumptionConfig | OutputFileDatasetConfig) -> dict[str, Any]:
    """Return what tells it from others of the same name."""
    if isinstance(data, DatasetConsumptionConfig):
        return {"id": data.dataset.id, "mode": data.mode, "path": data.path_on_compute, "as_folder": data.as_folder}
    return data.content
