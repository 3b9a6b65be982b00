"""Bring a run's data to its folder before it starts: verified copies, which share nothing with what others get."""

from __future__ import annotations

import os
from pathlib import Path

from orris.errors import FailedPrecondition
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import INSIDE_RUN, RunFolder
from orris_agent.run_data import RunData
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking


async def bring(run: runs.Run, folder: RunFolder, storage: Storage) -> None:
    """Put the inputs where they are to be, and make the folders to fill. Repeated, it goes on.

    Raises FailedPrecondition (PATH_TAKEN, DISK_FULL), DataLoss (BLOB_DAMAGED), NotFound.
    """
    data = RunData(run, folder)
    if taken := data.in_work():
        _check_free(taken, await storage.paths(run.snapshot))
    for wanted in run.inputs:
        place = data.place(wanted)
        place.source.parent.mkdir(parents=True, exist_ok=True)
        shared = folder.contained and place.read_only and await storage.share(wanted.tree, place.source)
        if not shared:
            await storage.download(wanted.tree, place.source)
            if place.read_only:
                await run_blocking(protect, place.source)
        if place.bound:
            _make_mount_point(folder, place.inside)
    for path in data.to_fill().values():
        path.mkdir(parents=True, exist_ok=True)


def _check_free(taken: list[str], snapshot: set[str]) -> None:
    """Raise FailedPrecondition where the snapshot has files that an input would be mixed with."""
    for path in taken:
        for file in snapshot:
            if file == path or file.startswith(f"{path}/") or path.startswith(f"{file}/"):
                message = f"path_on_compute {path!r}: the source directory has {file!r} there; choose another folder"
                raise FailedPrecondition(message, reason="PATH_TAKEN")


def protect(top: Path) -> None:
    """Let nobody write below a folder, and everybody read: in a container, the run is another user."""
    for parent, _, names in os.walk(top, topdown=False):
        for name in names:
            file = os.path.join(parent, name)
            os.chmod(file, 0o555 if os.stat(file).st_mode & 0o100 else 0o444)  # the same
        os.chmod(parent, 0o555)  # noqa: S103  # its parents are the agent's own


def _make_mount_point(folder: RunFolder, inside: Path) -> None:
    """Make the folder that an input covers in the working directory of a container: else its engine would, as root."""
    work = RunFolder(INSIDE_RUN).work
    if inside.is_relative_to(work):
        (folder.work / inside.relative_to(work)).mkdir(parents=True, exist_ok=True)
