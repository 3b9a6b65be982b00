"""What a run leaves, as a ScriptRunConfig has it: among the arguments, or in `outputs_to`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from orris.artifacts.v1 import data_pb2
from orris.errors import FailedPrecondition, InvalidArgument
from orris.names import check_id
from orris.runs.v1 import runs_pb2
from orris.sdk.datastore import DataPath, Datastore, paths_of

if TYPE_CHECKING:
    from orris.sdk.data_inputs import DatasetConsumptionConfig
    from orris.sdk.file_dataset import FileDataset
    from orris.sdk.run import Run
    from orris.sdk.tabular_dataset import TabularDataset
    from orris.sdk.workspace import Workspace


class OutputFileDatasetConfig:
    """A folder that a run fills, kept in a datastore when it has completed. As an argument it says where the folder is.

    `destination` is a (datastore, path) pair, in which `{run-id}` and `{output-name}` stand for what they say.
    `partition_format`: what paths of the files say, where they are registered.
    """

    def __init__(
        self,
        name: str | None = None,
        destination: Any = None,
        source: Any = None,
        partition_format: str | None = None,
    ) -> None:
        if source is not None:
            raise InvalidArgument(
                "source: write into the folder that the program is told; leave it out", field="source"
            )
        self.name = name or f"output_{secrets.token_hex(4)}"
        self.destination = DataPath(_NOWHERE) if destination is None else _place(destination)
        self._registration: dict[str, Any] = {}
        self._kept: dict[str, Any] = {}
        # What says how a version is read, and so has no meaning for what is not registered.
        self._read: dict[str, Any] = {"partition_format": partition_format} if partition_format else {}
        # The last run that was submitted with this, or with what was made of it: all of these share the list.
        self._filled_by: list[Run] = []

    def register_on_complete(
        self, name: str, description: str | None = None, tags: Mapping[str, str] | None = None
    ) -> Self:
        """Return the same, registered as a version of a dataset when the run has completed."""
        check_id("dataset", name, field="name")
        return self._with(
            _registration={"register_as": name, "description": description or "", "tags": dict(tags or {})}
        )

    def as_upload(self, overwrite: bool = False, source_globs: str | Sequence[str] | None = None) -> Self:
        """Return the same; only files that one of `source_globs` fits are kept, where there are any.

        The run fails at its end where another file is in the datastore already, unless `overwrite`.
        """
        globs = [source_globs] if isinstance(source_globs, str) else list(source_globs or ())
        return self._with(_kept={"keep_existing": not overwrite, "source_globs": globs})

    def as_mount(self, disable_metadata_cache: bool = False) -> Self:
        """Return the same: all files are kept at the run's end, instead of what is there."""
        return self._with(_kept={})

    def read_delimited_files(
        self,
        include_path: bool = False,
        separator: str = ",",
        header: Any = None,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Any = None,
        encoding: str = "utf8",
    ) -> Self:
        """Return the same, as a table of lines of values; `path_glob`: of the files that this pattern fits."""
        from orris.sdk.table_options import delimited

        types, paths = set_column_types, partition_format
        return self._as_table(
            delimited(separator, header, encoding, include_path, types, partition_format=paths), path_glob
        )

    def read_parquet_files(
        self,
        include_path: bool = False,
        partition_format: str | None = None,
        path_glob: str | None = None,
        set_column_types: Any = None,
    ) -> Self:
        """Return the same, as a table of Parquet; `path_glob`: of the files that this pattern fits."""
        from orris.sdk.table_options import parquet

        return self._as_table(parquet(include_path, set_column_types, partition_format), path_glob)

    def keep_columns(self, columns: str | Sequence[str]) -> Self:
        """Return the same with these columns only. Raises InvalidArgument where it is no table."""
        from orris.sdk.tabular_dataset import named_columns

        return self._after(data_pb2.Table.Step(keep_columns=named_columns(columns)))

    def drop_columns(self, columns: str | Sequence[str]) -> Self:
        """Return the same with all other columns. Raises InvalidArgument where it is no table."""
        from orris.sdk.tabular_dataset import named_columns

        return self._after(data_pb2.Table.Step(drop_columns=named_columns(columns)))

    def as_input(self, name: str | None = None) -> DatasetConsumptionConfig:
        """Return what the last run that was submitted with this leaves, as an input of another, by default of its name.

        Files are mounted, unless `.as_download()` follows. The other run can be submitted when the first has completed;
        before, that raises FailedPrecondition (NOTHING_LEFT).
        """
        from orris.sdk.data_inputs import OutputConsumptionConfig

        return OutputConsumptionConfig(name or self.name, self, "direct" if "table" in self._read else "mount")

    def left(self) -> FileDataset | TabularDataset:
        """Return what the last run that was submitted with this has left.

        Raises FailedPrecondition (NOTHING_LEFT) where there is no such run, it has not completed, or has left nothing.
        """
        from orris.sdk.run_outputs import output_datasets

        if not self._filled_by:
            raise _nothing(self.name, "no run was submitted with it by this program; submit that first")
        (run,) = self._filled_by
        if not run.refresh().finished:
            raise _nothing(self.name, f"run {run.id} has not ended; wait for it before: run.wait_for_completion()")
        if run.status != "Completed":
            raise _nothing(self.name, f"run {run.id} is {run.status}; run.get_output_datasets() has what it left")
        found = output_datasets(run).get(self.name)
        if found is None:
            raise _nothing(self.name, f"run {run.id} has left nothing in it")
        return found if found.table is not None or "table" not in self._read else self._read_as_table(found)

    def fill(self, run: Run) -> None:
        """Note that a run was submitted with this."""
        self._filled_by[:] = [run]

    @property
    def content(self) -> dict[str, Any]:
        """What tells it from others of the same name."""
        return {name: value for name, value in vars(self).items() if name != "_filled_by"}

    def to_message(self, workspace: Workspace) -> runs_pb2.RunOutput:
        """Return what a run is to leave. Raises InvalidArgument where it says how it is read, but not as what."""
        if self._read and not self._registration:
            message = f"{self.name}: how it is read is kept with a dataset; add .register_on_complete(name)"
            raise InvalidArgument(message, field="outputs_to")
        store = self.destination.datastore
        return runs_pb2.RunOutput(
            name=self.name,
            datastore="" if store is _NOWHERE else store.resource_name,
            path=self.destination.path_on_datastore.strip("/"),
            **self._registration,
            **self._kept,
            **self._read,
        )

    def _read_as_table(self, found: FileDataset | TabularDataset) -> TabularDataset:
        from orris.sdk.data_selection import only
        from orris.sdk.tabular_dataset import TabularDataset

        glob = self._read.get("path_glob")
        files = found.files.only(only(found.files.paths(), glob, "path_glob")) if glob else found.files
        return TabularDataset(files, self._read["table"])

    def _as_table(self, table: data_pb2.Table, path_glob: str | None) -> Self:
        if not table.partition_format:
            table.partition_format = self._read.get("partition_format", "")
        return self._with(_read={"table": table, **({"path_glob": path_glob} if path_glob else {})})

    def _after(self, step: data_pb2.Table.Step) -> Self:
        if "table" not in self._read:
            message = f"{self.name}: files have no columns; say how they are read first: .read_delimited_files()"
            raise InvalidArgument(message, field="columns")
        table = data_pb2.Table()
        table.CopyFrom(self._read["table"])
        table.steps.append(step)
        return self._with(_read={**self._read, "table": table})

    def _with(self, **changed: Any) -> Self:
        made = type(self).__new__(type(self))
        vars(made).update(vars(self), **changed)
        return made

    def __str__(self) -> str:
        return f"${{{{outputs.{self.name}}}}}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


def _nothing(output: str, why: str) -> FailedPrecondition:
    return FailedPrecondition(f"{output}: what is left in this output is not there: {why}", reason="NOTHING_LEFT")


def _place(destination: object) -> DataPath:
    try:
        return paths_of(destination)[0]
    except InvalidArgument as error:
        message = f"destination: {str(destination)[:200]!r} is no (datastore, 'path') pair, nor a DataPath"
        raise InvalidArgument(message, field="destination") from error


_NOWHERE: Datastore = object.__new__(Datastore)  # the default of whichever workspace it is submitted to
