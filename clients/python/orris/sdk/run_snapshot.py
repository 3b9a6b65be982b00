"""The source files of a run, as they were: saved as a zip archive, or as files; and others kept like them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from orris.errors import NotFound
from orris.sdk import run_uploads

if TYPE_CHECKING:
    from orris.sdk.run import Run

# Where snapshots that a run takes itself are among its files.
TAKEN = "snapshots"


def restore(run: Run, snapshot_id: str | None, path: str | Path | None, *, extract: bool = False) -> str:
    """Save the run's snapshot, or one that it took, and return where: `ID.zip` in a folder, or a folder of the files.

    `path` is the folder to save into, by default the working directory. Raises NotFound when there is no such snapshot.
    """
    target = Path(path or ".")
    own = run.message.snapshot.rpartition("/")[2]
    wanted = snapshot_id or own
    if not wanted:
        raise NotFound(f"run {run.id} has no snapshot", reason="SNAPSHOT_NOT_FOUND")
    tree, below = (run.message.snapshot, "") if wanted == own else (run.refresh().message.outputs, f"{TAKEN}/{wanted}")
    if not tree or (below and next(run.workspace.transfer.entries(tree, below), None) is None):
        raise NotFound(f"run {run.id} has no snapshot {wanted}", reason="SNAPSHOT_NOT_FOUND")
    if extract:
        run.workspace.transfer.download(tree, target, below, strip=below)
        return str(target)
    target.mkdir(parents=True, exist_ok=True)
    # Beside the target, so that the archive appears there at once.
    with TemporaryDirectory(prefix=".orris-", dir=target) as folder:
        files = Path(folder) / "files"
        files.mkdir()
        run.workspace.transfer.download(tree, files, below, strip=below)
        archive = _zip(files, Path(folder) / "snapshot.zip")
        return str(archive.replace(target / f"{wanted}.zip"))


def take(run: Run, source: str | Path) -> str:
    """Keep a file, or a folder but for what its ignore file names, with the run; return the snapshot's id."""
    from orris.sdk.snapshot import snapshot

    place = Path(source)
    if not place.exists():
        raise NotFound(f"there is no file or folder {place}", reason="FILE_NOT_FOUND")
    files = {name: Path(file.path) for name, file in snapshot(place).items()} if place.is_dir() else {place.name: place}
    taken = run.workspace.transfer.upload(files).name.rpartition("/")[2]
    run_uploads.add(run, {f"{TAKEN}/{taken}/{name}": file for name, file in files.items()})
    return taken


def _zip(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                file.write(path, path.relative_to(folder).as_posix())
    return archive
