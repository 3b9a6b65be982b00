"""The data of runs: what each gets, what it is to leave where, and what it has left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

DEFAULT_DATASTORE = "workspaceblobstore"


class Mode(IntEnum):
    """How a run gets an input; the numbers are the contract's."""

    UNSPECIFIED = 0
    DIRECT = 1
    DOWNLOAD = 2
    MOUNT = 3


@dataclass(frozen=True, slots=True)
class Input:
    """Files that a run gets: those of a tree, or a version of a dataset.

    `table` (JSON) is how they are read as one, or what the paths of files say: see `orris.tables.reading_of`.
    """

    name: str
    tree: str = ""
    dataset: str = ""
    table: str = ""
    mode: Mode = Mode.UNSPECIFIED
    path_on_compute: str = ""
    as_folder: bool = False


@dataclass(frozen=True, slots=True)
class OutputTo:
    """A folder that a run fills: put into a datastore when it has completed, and registered as `register_as`."""

    name: str
    datastore: str = DEFAULT_DATASTORE
    path: str = ""
    register_as: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    table: str = ""
    source_globs: Sequence[str] = ()
    keep_existing: bool = False
    path_glob: str = ""
    partition_format: str = ""

    @property
    def chooses(self) -> bool:
        """Whether what becomes of the files depends on their paths, or on what is there."""
        return bool(self.source_globs or self.keep_existing or self.path_glob or self.partition_format)


@dataclass(frozen=True, slots=True)
class Produced:
    """What a run has left in such a folder: its tree, and the version that it was registered as."""

    name: str
    tree: str
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A version of a dataset, as it is known where it is kept."""

    name: str
    tree: str
    table: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A version of a dataset that a run has read without having been given it, and what it is: its tree, and its id."""

    dataset: str
    tree: str
    id: str


def inputs_of(fields: Sequence[Mapping[str, object]]) -> list[Input]:
    """Return inputs of what was kept as JSON."""
    return [Input(**{**each, "mode": Mode(each.get("mode", 0))}) for each in fields]  # type: ignore[arg-type]


def outputs_of(fields: Sequence[Mapping[str, object]]) -> list[OutputTo]:
    """Return outputs of what was kept as JSON."""
    return [OutputTo(**each) for each in fields]  # type: ignore[arg-type]
