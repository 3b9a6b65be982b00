"""A run: one execution of a script, and all that is known of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import FailedPrecondition, InvalidArgument
from orris.names import ExperimentName, RunName
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.spelling import moment, spell

if TYPE_CHECKING:
    from orris.sdk.experiment import Experiment
    from orris.sdk.file_dataset import FileDataset
    from orris.sdk.interactive import InteractiveRun
    from orris.sdk.model import Model
    from orris.sdk.offline import OfflineRun
    from orris.sdk.run_metrics import MetricPoint, MetricSummary
    from orris.sdk.run_uploads import Source
    from orris.sdk.run_usage import UsageSample
    from orris.sdk.script_run_config import ScriptRunConfig
    from orris.sdk.tabular_dataset import TabularDataset
    from orris.sdk.workspace import Workspace

FINAL = frozenset({runs_pb2.Run.STATE_COMPLETED, runs_pb2.Run.STATE_FAILED, runs_pb2.Run.STATE_CANCELED})


class Run:
    """A run as it was last seen: methods with `get_` and `refresh` ask the server, properties do not."""

    # Of a run that was watched to its end; none where that is not known: nothing is added any more.
    final_logs: Sequence[runs_pb2.RunLog] = ()

    def __init__(self, workspace: Workspace, message: runs_pb2.Run) -> None:
        self.workspace = workspace
        self.message = message

    @classmethod
    def get(cls, workspace: Workspace, run_id: str) -> Run:
        """Return the run of that id. Raises NotFound."""
        request = runs_service_pb2.GetRunRequest(name=str(RunName(workspace.name, run_id)))
        return cls(workspace, workspace.connection.runs.GetRun(request).run)

    @staticmethod
    def get_context(allow_offline: bool = True) -> OfflineRun:
        """Return a run that prints what is logged: outside of a run there is nothing to record it in.

        Inside of a run, Orris puts its own `orris` first on the path, where this returns the run itself. Raises
        FailedPrecondition unless `allow_offline`.
        """
        from orris.sdk.offline import OfflineRun

        if not allow_offline:
            raise FailedPrecondition("this program is no run: submit it, or allow an offline run", reason="NO_RUN")
        return OfflineRun()

    @staticmethod
    def get_submitted_run(allow_offline: bool = True) -> OfflineRun:
        """Return what `get_context` does, under the name that it had before."""
        return Run.get_context(allow_offline)

    @property
    def resource_name(self) -> str:
        return self.message.name

    @property
    def id(self) -> str:
        return RunName.parse(self.message.name).run

    @property
    def name(self) -> str:
        """The name for people; the id unless one was given."""
        return self.message.display_name or self.id

    @property
    def experiment(self) -> Experiment:
        from orris.sdk.experiment import Experiment

        return Experiment(self.workspace, ExperimentName.parse(self.message.experiment).experiment)

    @property
    def status(self) -> str:
        """Where it stood when last seen, in Azure's spelling: "Queued", "Running", "Completed", …"""
        return spell(runs_pb2.Run.State.DESCRIPTOR, self.message.state)

    @property
    def status_reason(self) -> str:
        """What it waits for, or why it is where it is."""
        return self.message.state_reason

    @property
    def finished(self) -> bool:
        """Whether it was in a final state when last seen."""
        return self.message.state in FINAL

    @property
    def early_stopped(self) -> str:
        """Why the policy of its sweep ended it early; empty where it did not."""
        return self.message.early_stopped

    @property
    def error(self) -> str:
        """Why it failed, one sentence; empty if it did not."""
        return self.message.error.message

    @property
    def error_code(self) -> str:
        """The kind of failure: "UserProgram", "OutOfMemory", "TimeLimit", … or the word given to `fail`; else empty."""
        if self.message.error.label:
            return self.message.error.label
        if not self.message.HasField("error"):
            return ""
        return spell(runs_pb2.RunError.Code.DESCRIPTOR, self.message.error.code, "CODE_")

    @property
    def warnings(self) -> list[str]:
        return list(self.message.warnings)

    @property
    def created(self) -> datetime | None:
        """When it was submitted (UTC)."""
        return moment(self.message.create_time)

    @property
    def started(self) -> datetime | None:
        """When its program began (UTC); None before."""
        return moment(self.message.start_time)

    @property
    def ended(self) -> datetime | None:
        """When its program ended (UTC); None before."""
        return moment(self.message.end_time)

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.message.tags)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.message.properties)

    def refresh(self) -> Run:
        """Ask the server how the run stands now, and return it. Raises NotFound."""
        request = runs_service_pb2.GetRunRequest(name=self.resource_name)
        self.message = self.workspace.connection.runs.GetRun(request).run
        return self

    def get_status(self) -> str:
        """Return where it stands now, in Azure's spelling."""
        return self.refresh().status

    def get_details(self) -> dict[str, Any]:
        """Return all that is known, under Azure's keys: runId, target, status, startTimeUtc, endTimeUtc, …"""
        from orris.sdk.run_details import details

        return details(self.refresh())

    def get_tags(self) -> dict[str, str]:
        return self.refresh().tags

    def get_properties(self) -> dict[str, str]:
        return self.refresh().properties

    def get_metrics(self, name: str | None = None, recursive: bool = False) -> dict[str, Any]:
        """Return the metrics by name: a number, a list, or for tables a list by column; see `run_metrics`.

        With `recursive`, those of this run and of all below it, by the runs' ids.
        """
        from orris.sdk.run_metrics import fetch

        if not recursive:
            return fetch(self, name)
        found = {run.id: fetch(run, name) for run in (self, *self.get_children(recursive=True))}
        return {run_id: metrics for run_id, metrics in found.items() if metrics}

    def get_metric_points(self, name: str | None = None) -> Iterator[MetricPoint]:
        """Yield what was logged under a name, or all, in order: each with its value, step and time."""
        from orris.sdk.run_metrics import points

        return points(self, name)

    def get_metric_summaries(self) -> dict[str, MetricSummary]:
        """Return for each metric how many points it has, the last, the smallest and the largest; fast for millions."""
        from orris.sdk.run_metrics import summaries

        return summaries(self)

    @property
    def cpu_seconds(self) -> float | None:
        """Seconds that processors worked for it, known at its end."""
        return self.message.usage.cpu_seconds if self.message.HasField("usage") else None

    @property
    def max_memory_bytes(self) -> int | None:
        """The most memory that was seen of all its processes, or that the largest had; known at its end."""
        return self.message.usage.max_memory_bytes if self.message.HasField("usage") else None

    def get_usage(self) -> list[UsageSample]:
        """Return what it used so far: processors and memory every two seconds, rarer in a long run.

        At most 500 samples, none of a run that ended within two seconds: its `cpu_seconds` and `max_memory_bytes` are
        known as well.
        """
        from orris.sdk.run_usage import fetch

        return fetch(self)

    def tag(self, key: str, value: object = None) -> None:
        """Set a tag; one of the same key is replaced."""
        self._update(set_tags={key: "" if value is None else str(value)})

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Set several tags."""
        self._update(set_tags={key: "" if value is None else str(value) for key, value in tags.items()})

    def remove_tags(self, tags: str | Iterable[str]) -> None:
        """Remove the tags of the given keys; those that are not set are passed over."""
        self._update(remove_tags=[tags] if isinstance(tags, str) else [*tags])

    def add_properties(self, properties: Mapping[str, object]) -> None:
        """Set properties. Raises FailedPrecondition when one has another value already: they never change."""
        self._update(set_properties={key: str(value) for key, value in properties.items()})

    def _update(self, **changes: Any) -> None:
        request = runs_service_pb2.UpdateRunRequest(name=self.resource_name, **changes)
        self.message = self.workspace.connection.runs.UpdateRun(request).run

    def cancel(self, reason: str = "") -> None:
        """Ask for it to be canceled; returns before its processes have ended. One that has ended stays as it is."""
        request = runs_service_pb2.CancelRunRequest(name=self.resource_name, reason=reason)
        self.message = self.workspace.connection.runs.CancelRun(request).run

    @property
    def archived(self) -> bool:
        """Whether lists left it out when last seen."""
        return self.message.archived

    def archive(self) -> None:
        """Let lists leave it out unless they are asked for it. Nothing is removed."""
        request = runs_service_pb2.ArchiveRunRequest(name=self.resource_name)
        self.message = self.workspace.connection.runs.ArchiveRun(request).run

    def unarchive(self) -> None:
        """Let lists have it again."""
        request = runs_service_pb2.UnarchiveRunRequest(name=self.resource_name)
        self.message = self.workspace.connection.runs.UnarchiveRun(request).run

    def delete(self, *, children: bool = False) -> None:
        """Delete it with its logs, metrics and files; models that were registered from it keep theirs.

        Raises FailedPrecondition when it has not ended, or has children and not `children`, which deletes them as well.
        """
        request = runs_service_pb2.DeleteRunRequest(name=self.resource_name, children=children)
        self.workspace.connection.runs.DeleteRun(request)

    @property
    def parent(self) -> Run | None:
        """The run that it is a child of; None when it is none. Raises NotFound when that was deleted."""
        from orris.sdk.run_children import parent_of

        return parent_of(self)

    def child_run(self, name: str | None = None, *, outputs: str | None = None) -> InteractiveRun:
        """Begin a run below this one, held by this program. Raises FailedPrecondition when this one has ended."""
        from orris.sdk.run_children import begin_child

        return begin_child(self, name, outputs)

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Iterable[object] | None = None
    ) -> list[InteractiveRun]:
        """Begin so many runs below this one, or one for each value of a tag."""
        from orris.sdk.run_children import create

        return create(self, count, tag_key, tag_values)

    def submit_child(self, config: ScriptRunConfig, tags: Mapping[str, str] | None = None) -> Run:
        """Submit a script as a run below this one; see `Experiment.submit`."""
        from orris.sdk.submission import submit

        return submit(self.experiment, config, tags or {}, parent=self)

    def get_children(
        self,
        recursive: bool = False,
        tags: Mapping[str, str] | str | None = None,
        properties: Mapping[str, str] | str | None = None,
        kind: str | None = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """Yield the runs below this one, newest first; with `recursive` also those below them.

        `kind` is "training", "interactive" or "sweep".
        """
        from orris.sdk.run_children import below

        return below(self, recursive=recursive, tags=tags, properties=properties, kind=kind, status=status)

    def upload_file(self, name: str, path_or_stream: Source) -> None:
        """Keep a file (a path, or a stream) with the run under `name`; one of that name is replaced.

        Raises NotFound without the file, FailedPrecondition (RUN_ACTIVE) while an agent has the run.
        """
        self.upload_files([name], [path_or_stream])

    def upload_files(self, names: Iterable[str], paths: Iterable[Source]) -> None:
        """Keep files with the run, each under its name. Raises as `upload_file`, InvalidArgument for unequal counts."""
        from orris.sdk.run_uploads import add

        given, sources = list(names), list(paths)
        if len(given) != len(sources):
            raise InvalidArgument(f"names: as many as paths, not {len(given)} and {len(sources)}", field="names")
        add(self, dict(zip(given, sources, strict=True)))

    def upload_folder(self, name: str, path: str | Path) -> None:
        """Keep all files below a folder with the run, below `name`. Raises as `upload_file`."""
        from orris.sdk.run_uploads import add, folder_files

        add(self, folder_files(name, path))

    def restore_snapshot(
        self, snapshot_id: str | None = None, path: str | Path | None = None, *, extract: bool = False
    ) -> str:
        """Save the source files as `ID.zip` in a folder (default: the working directory), and return its path.

        With `extract` save the files themselves into the folder. Raises NotFound when the run has no snapshot.
        """
        from orris.sdk.run_snapshot import restore

        return restore(self, snapshot_id, path, extract=extract)

    def take_snapshot(self, file_or_folder_path: str | Path) -> str:
        """Keep a file or folder with the run, as it is now; return the id that `restore_snapshot` takes."""
        from orris.sdk.run_snapshot import take

        return take(self, file_or_folder_path)

    def wait_for_completion(self, show_output: bool = False, raise_on_error: bool = True) -> dict[str, Any]:
        """Wait for a final state and return `get_details()`; with `show_output` print its logs as they grow.

        Raises RunFailed when it Failed (not when it was Canceled), unless `raise_on_error` is False; StillRunning on
        Ctrl-C: the run goes on.
        """
        from orris.sdk.waiting import wait

        return wait(self, show_output=show_output, raise_on_error=raise_on_error)

    def get_file_names(self) -> list[str]:
        """Return the paths of what was kept and of the logs. Outputs appear when the run has ended."""
        from orris.sdk import run_files

        return run_files.names(self.refresh())

    def download_file(self, name: str, output_file_path: str | Path | None = None) -> str:
        """Save a kept file or a log, by default in the working directory; return the path.

        The file appears when all of it has come; one that broke off is begun again. Raises NotFound.
        """
        from orris.sdk import run_files

        return str(run_files.save(self.refresh(), name, output_file_path))

    def download_files(
        self, prefix: str | None = None, output_directory: str | Path = ".", append_prefix: bool = True
    ) -> list[str]:
        """Save the files below `prefix` (default: all) into a folder; return their paths there.

        Without `append_prefix` the prefix is left out of them.
        """
        from orris.sdk import run_files

        return [str(path) for path in run_files.save_all(self.refresh(), prefix or "", output_directory, append_prefix)]

    def get_output_datasets(self) -> dict[str, FileDataset | TabularDataset]:
        """Return what it has left in the folders that it was to fill, by the names of its OutputFileDatasetConfigs.

        They appear when it has ended. Of a run that has failed, or was canceled, they are in no datastore.
        """
        from orris.sdk.run_outputs import output_datasets

        return output_datasets(self.refresh())

    def download_output(self, name: str, output_directory: str | Path = ".", prefix: str | None = None) -> list[str]:
        """Save the files that it has left in such a folder, below `prefix` (default: all); return where they are.

        Raises NotFound where it has left none.
        """
        from orris.sdk.run_outputs import save_output

        return [str(path) for path in save_output(self.refresh(), name, prefix or "", output_directory)]

    def get_logs(self, file: str | None = None) -> str:
        """Return what the program has printed so far, or another log file. Raises NotFound."""
        return b"".join(self.follow_log(file, follow=False)).decode(errors="replace")

    def follow_log(self, file: str | None = None, *, offset: int = 0, follow: bool = True) -> Iterator[bytes]:
        """Yield a log's bytes from `offset` as they are written, to its end; without `follow`, those there are.

        Nothing is lost or doubled when the connection breaks. Raises NotFound where there is no such log, or there
        was none until the run had ended.
        """
        from orris.sdk import run_files

        return run_files.read(self, file, offset=offset, follow=follow)

    def register_model(self, model_name: str, model_path: str | None = None, **options: Any) -> Model:
        """Register a file or folder that the run kept (by default the one called `model_name`) as a model.

        The options are those of `Model.register`, without files and environment: both are the run's. Raises
        FailedPrecondition when the run has not ended, or did not keep such a file.
        """
        from orris.sdk.registration import register_from_run

        return register_from_run(self, model_name, model_path, **options)

    def __repr__(self) -> str:
        return f"Run(id={self.id!r}, status={self.status!r})"
