"""The files of a run: logs, which grow while it runs, and what was kept at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from orris.errors import InvalidArgument, NotFound
from orris.images.v1 import images_service_pb2
from orris.names import LogName
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.progress import bytes_shown
from orris.sdk.streams import LogChunk, read_log

if TYPE_CHECKING:
    from orris.sdk.run import Run

STD_LOG = "user_logs/std_log.txt"
BUILD_LOG = "azureml-logs/20_image_build_log.txt"
# What Azure called the script's output before, and what code still asks for.
OLD_NAMES = {"azureml-logs/70_driver_log.txt": STD_LOG}


def log_names(run: Run) -> list[str]:
    """Return the names of a run's logs, the build's before all others where the run waited for one."""
    own = [LogName.parse(each.name).file for each in _logs(run)]
    return [*dict.fromkeys([BUILD_LOG, *own] if run.message.build else own)]


def names(run: Run) -> list[str]:
    """Return the paths of all files, sorted."""
    return [*sizes(run)]


def sizes(run: Run) -> dict[str, int | None]:
    """Return the sizes in bytes of all files by their paths, sorted; None where it is not known."""
    found: dict[str, int | None] = dict.fromkeys([BUILD_LOG] if run.message.build else [])
    found |= {LogName.parse(each.name).file: each.size for each in _logs(run)}
    if run.message.outputs:
        found |= {entry.path: entry.size for entry in run.workspace.transfer.entries(run.message.outputs)}
    return dict(sorted(found.items()))


def _logs(run: Run) -> Sequence[runs_pb2.RunLog]:
    if run.final_logs:
        return run.final_logs
    request = runs_service_pb2.ListRunLogsRequest(parent=run.resource_name)
    return run.workspace.connection.runs.ListRunLogs(request).logs


def read(run: Run, file: str | None, *, offset: int = 0, follow: bool = False) -> Iterator[bytes]:
    """Yield the bytes of one of the run's logs, by default of what the program prints.

    Raises NotFound where there is no such log: with `follow` only once the run has ended, for until then it may come.
    """
    name = OLD_NAMES.get(file or STD_LOG, file or STD_LOG)
    if name == BUILD_LOG:
        return read_build_log(run, offset=offset, follow=follow)
    resource = str(LogName.parse(f"{run.resource_name}/logs/{name}", field="file"))
    stub = run.workspace.connection.runs

    def open_at(position: int) -> Iterable[LogChunk]:
        return stub.ReadRunLog(runs_service_pb2.ReadRunLogRequest(name=resource, offset=position, follow=follow))

    return _of_existing(read_log(open_at, offset=offset, follow=follow), run, name)


def _of_existing(pieces: Iterator[bytes], run: Run, name: str) -> Iterator[bytes]:
    """Yield a log's bytes. Where there are none, it has to be there; but what the program prints may be to come."""
    empty = True
    for data in pieces:
        empty = False
        yield data
    if empty and name != STD_LOG and name not in log_names(run):
        raise NotFound(f"run {run.id} has no log {name}; it has: {_listed(log_names(run))}", reason="LOG_NOT_FOUND")


def read_build_log(run: Run, *, offset: int = 0, follow: bool = False) -> Iterator[bytes]:
    """Yield the bytes of the log of the build that the run waits or waited for. Raises NotFound when it did not."""
    if not run.message.build:
        raise NotFound(f"run {run.id} did not wait for a build: its environment was there", reason="LOG_NOT_FOUND")
    stub, build = run.workspace.connection.images, run.message.build

    def open_at(position: int) -> Iterable[LogChunk]:
        return stub.ReadBuildLog(images_service_pb2.ReadBuildLogRequest(name=build, offset=position, follow=follow))

    return read_log(open_at, offset=offset, follow=follow)


def save(run: Run, name: str, output_file_path: str | Path | None) -> Path:
    """Save one file and return where. An existing folder, or a path ending in "/", means the file's own name in it."""
    target = Path(output_file_path or PurePosixPath(name).name)
    if target.is_dir() or str(output_file_path or "").endswith("/"):
        target = target / PurePosixPath(name).name
    if name not in _kept(run):
        return _save_log(run, name, target)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that it appears there at once.
    with TemporaryDirectory(prefix=".orris-", dir=target.parent) as folder, bytes_shown("Downloading") as progress:
        (file,) = run.workspace.transfer.download(run.message.outputs, Path(folder), name, progress=progress)
        file.replace(target)
    return target


def save_all(run: Run, prefix: str, folder: str | Path, append_prefix: bool) -> list[Path]:
    """Save the files at or below `prefix` into `folder`, without `append_prefix` by the rest of their paths."""
    into, prefix = Path(folder), prefix.strip("/")
    kept = [name for name in _kept(run) if _below(prefix, name)]
    saved: list[Path] = []
    if kept:
        strip = prefix if not append_prefix and kept != [prefix] else ""
        with bytes_shown("Downloading") as progress:
            saved += run.workspace.transfer.download(run.message.outputs, into, prefix, strip=strip, progress=progress)
    for name in log_names(run):
        if name not in kept and _below(prefix, name):
            short = name if append_prefix else name[len(prefix) :].lstrip("/") or PurePosixPath(name).name
            saved.append(_save_log(run, name, _safe_path(into, short)))
    return saved


def _save_log(run: Run, name: str, target: Path) -> Path:
    pieces = read(run, name)
    first = _first(pieces, run, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(first)
        file.writelines(pieces)
    return target


def _first(pieces: Iterator[bytes], run: Run, name: str) -> bytes:
    """Return the first bytes, so that a log that is not there leaves no empty file."""
    try:
        first = next(pieces, b"")
    except (NotFound, InvalidArgument) as error:
        raise _no_file(run, name) from error
    if not first and OLD_NAMES.get(name, name) not in log_names(run):
        raise _no_file(run, name)
    return first


def _no_file(run: Run, name: str) -> NotFound:
    later = "" if run.finished else "; what it keeps appears when it has ended"
    message = f"run {run.id} has no file {name}; it has: {_listed(names(run))}{later}"
    return NotFound(message, reason="FILE_NOT_FOUND")


def _listed(known: Sequence[str]) -> str:
    return ", ".join(known[:20]) or "none"


def _kept(run: Run) -> list[str]:
    if not run.message.outputs:
        return []
    return [entry.path for entry in run.workspace.transfer.entries(run.message.outputs)]


def _below(prefix: str, name: str) -> bool:
    folder = prefix.rstrip("/")
    return not folder or name == folder or name.startswith(f"{folder}/")


def _safe_path(folder: Path, name: str) -> Path:
    """Return the path in `folder`. A name from a server never leads out of it."""
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise InvalidArgument(f"name: {name!r} leads out of {folder}", field="name")
    return folder / parts
