"""The folder of one run: where everything is that a restarted agent needs to go on."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orris_agent.beneath import Beneath
from orris_agent.removal import remove_tree
from orris_agent.supervisor.lease import SLEEPS_ALONG
from orris_agent.supervisor.system import boot_id

INSIDE_RUN = Path("/orris/run")  # where a container has what is `run/` here
INSIDE_CONTROL = Path("/orris/control")
LOG_PARTS = "logs.json"
STD_LOG, JOURNAL, USAGE = "std_log.txt", "journal.jsonl", "usage.jsonl"

_CONTAINER_USER = 10001  # of an agent that is root: a container is not


@dataclass(frozen=True)
class RunFolder:
    """Paths in a run's folder, as ARCHITECTURE.md lists them.

    What a process writes is among what the agent writes. A `contained` run has `run/` for itself, and sees of the
    rest only `control/`, which it cannot change.
    """

    root: Path
    contained: bool = False

    @cached_property
    def own(self) -> Path:
        """What the run itself knows as its folder."""
        return self.root / "run" if self.contained else self.root

    @cached_property
    def control(self) -> Path:
        """Where the agent tells the supervisor what to do."""
        return self.root / "control" if self.contained else self.root

    @cached_property
    def written(self) -> Beneath:
        """What the run writes, to be read whatever it does."""
        return Beneath(self.own, str(INSIDE_RUN))

    @property
    def owner(self) -> tuple[int, int]:
        """Return the user and the group that the run has."""
        if self.contained and os.geteuid() == 0:
            return _CONTAINER_USER, _CONTAINER_USER
        return os.geteuid(), os.getegid()

    @property
    def is_taken_over(self) -> bool:
        """Whether a supervisor has taken the run over. Before that nothing of the user's is executed."""
        try:
            return self.written.size("supervisor.json") > 0
        except OSError:
            return False

    @property
    def has_deadline(self) -> bool:
        """Whether its supervisor ends the run when the lease has run out."""
        return (self.control / "deadline").exists()

    @cached_property
    def run_id(self) -> str:
        return self.root.name

    @cached_property
    def work(self) -> Path:
        return self.own / "work"

    @cached_property
    def files(self) -> Path:
        return self.own / "files"

    @cached_property
    def std_log(self) -> Path:
        return self.own / STD_LOG

    @cached_property
    def journal(self) -> Path:
        return self.own / JOURNAL

    @cached_property
    def socket(self) -> Path:
        return self.control / "run.sock"

    def save_lease(self, lease_id: str) -> None:
        """Keep the id of the lease, so that who starts again knows the run as its own when it gets the lease again."""
        temporary = self.root / "lease.json.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, json.dumps({"id": lease_id}).encode())
        finally:
            os.close(descriptor)
        temporary.rename(self.root / "lease.json")

    def note_beginning(self) -> None:
        """Note that the program may begin from now on: after another start of the machine nobody knows whether it did.

        Durable on return, the lease's id with it. What was in the folder before may be lost: nothing has happened yet.
        """
        note = json.dumps({"id": self.load_lease_id(), "boot": boot_id()}).encode()
        # In place: another file's new name would have to reach the disk as well.
        descriptor = os.open(self.root / "lease.json", os.O_WRONLY)
        try:
            os.pwrite(descriptor, note, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def load_lease_id(self) -> str:
        """Return the id of the kept lease. Raises OSError, ValueError, LookupError, TypeError where there is none."""
        return str(json.loads((self.root / "lease.json").read_bytes())["id"])

    def lease_id(self) -> str | None:
        """Return the id of the kept lease, None where there is none that can be read."""
        try:
            return self.load_lease_id()
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def set_aside(self) -> RunFolder:
        """Give up the folder's name, for a run that is executed anew before what is in the folder has ended.

        For a contained run only: the supervisor of a process knows the folder by its name.
        """
        if self.root.suffix == ".ended":
            return self
        aside = self.root.with_name(f"{self.root.name}.{secrets.token_hex(4)}.ended")
        return RunFolder(self.root.rename(aside), self.contained)

    def make_parts(self) -> None:
        """Make the folders of the run and of the agent."""
        for part in {self.own, self.control} - {self.root}:
            part.mkdir()

    def remove(self) -> None:
        remove_tree(self.root)


class RunFolders:
    """All runs' folders of an agent. `sleeps_along`: leases do not run out while its machine sleeps."""

    def __init__(self, root: Path, *, sleeps_along: bool = False) -> None:
        self._root = root
        self._sleeps_along = sleeps_along
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def create(self, run_id: str, lease_id: str, contained: bool = False) -> RunFolder:
        """Return the folder of a newly leased run. What an earlier lease of the same run left is removed."""
        folder = RunFolder(self._root / run_id, contained)
        folder.remove()
        folder.root.mkdir(mode=0o700)
        folder.make_parts()
        folder.files.mkdir()
        if self._sleeps_along:
            (folder.control / SLEEPS_ALONG).touch()
        folder.save_lease(lease_id)
        return folder

    def of_lease(self, run_id: str, lease_id: str) -> RunFolder | None:
        """Return the folder that an earlier agent process made for this lease, None where there is none."""
        folder = _found(self._root / run_id)
        return folder if folder.lease_id() == lease_id else None

    def find(self, run_id: str) -> RunFolder | None:
        """Return the folder of a run, whichever lease it is of; None where there is none."""
        path = self._root / run_id
        return _found(path) if path.is_dir() else None

    def __iter__(self) -> Iterator[RunFolder]:
        for path in sorted(self._root.iterdir()):
            if path.is_dir():
                yield _found(path)


def noted_boot(root: Path) -> str:
    """Return since which start of the machine the program of a run's folder may have begun; empty where it has not."""
    try:
        return str(json.loads((root / "lease.json").read_bytes()).get("boot", ""))
    except (OSError, ValueError, AttributeError):
        return ""


def _found(path: Path) -> RunFolder:
    return RunFolder(path, (path / "control").is_dir())
