"""Adding to the files that a run keeps: each time another tree, composed of the one before and what is new."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from orris.errors import Conflict, InvalidArgument, NotFound
from orris.runs.v1 import runs_service_pb2
from orris.sdk.content import PIECE_BYTES
from orris.sdk.progress import bytes_shown

if TYPE_CHECKING:
    from orris.sdk.run import Run

Source = str | Path | IO[Any]

# How often somebody else may be faster.
ATTEMPTS = 20


def add(run: Run, files: Mapping[str, Source]) -> None:
    """Keep files (name -> path, or stream) with a run; those of the same names are replaced.

    Raises NotFound for a path that is not there, FailedPrecondition (RUN_ACTIVE) while an agent has the run.
    """
    if not files:
        return
    transfer = run.workspace.transfer
    with TemporaryDirectory(prefix="orris-") as aside, bytes_shown("Uploading") as progress:
        paths = {_clean(name): _path(source, Path(aside)) for name, source in files.items()}
        uploaded = transfer.upload(paths, progress)
    new = {entry.path: entry for entry in transfer.entries(uploaded.name)}
    for attempt in range(ATTEMPTS):
        before = run.refresh().message.outputs
        kept = {entry.path: entry for entry in transfer.entries(before)} if before else {}
        tree = transfer.compose({**kept, **new})
        request = runs_service_pb2.KeepRunFilesRequest(
            name=run.resource_name, outputs=tree.name, previous_outputs=before
        )
        try:
            run.message = run.workspace.connection.runs.KeepRunFiles(request).run
            return
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise


def folder_files(name: str, folder: str | Path) -> dict[str, Source]:
    """Return the files below a folder by the names that they are kept under. Raises NotFound without the folder."""
    top = Path(folder)
    if not top.is_dir():
        raise NotFound(f"there is no folder {top}", reason="FILE_NOT_FOUND")
    prefix = PurePosixPath(name.strip("/"))
    return {str(prefix / path.relative_to(top).as_posix()): path for path in sorted(top.rglob("*")) if path.is_file()}


def _path(source: Source, aside: Path) -> Path:
    """Return where a file is: what a stream still holds is written aside, however much it is."""
    if isinstance(source, str | Path):
        if not Path(source).is_file():
            raise NotFound(f"there is no file {source}", reason="FILE_NOT_FOUND")
        return Path(source)
    with (path := aside / uuid.uuid4().hex).open("wb") as file:
        while piece := source.read(PIECE_BYTES):
            file.write(piece.encode() if isinstance(piece, str) else piece)
    return path


def _clean(name: str) -> str:
    parts = [part for part in str(name).replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or str(name).startswith("/") or ".." in parts:
        raise InvalidArgument(f"name: {name!r} must be a relative path without '..'", field="name")
    return "/".join(parts)
