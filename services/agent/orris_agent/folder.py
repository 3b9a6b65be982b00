"""The folder of one run: where everything is that a restarted agent needs to go on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import json_format

from orris.runs.v1 import agents_service_pb2 as agents


@dataclass(frozen=True)
class RunFolder:
    """Paths in a run's folder, as ARCHITECTURE.md lists them."""

    root: Path

    @property
    def run_id(self) -> str:
        return self.root.name

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def files(self) -> Path:
        return self.root / "files"

    @property
    def std_log(self) -> Path:
        return self.root / "std_log.txt"

    @property
    def journal(self) -> Path:
        return self.root / "journal.jsonl"

    @property
    def socket(self) -> Path:
        return self.root / "run.sock"

    @property
    def started(self) -> bool:
        """Whether a supervisor has taken the run over."""
        return (self.root / "supervisor.json").exists()

    def save_lease(self, lease: agents.Lease) -> None:
        """Keep the lease; it holds secrets, so only the agent's user may read it."""
        temporary = self.root / "lease.json.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(json_format.MessageToJson(lease, indent=None))
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self.root / "lease.json")

    def load_lease(self) -> agents.Lease:
        """Return the kept lease. Raises OSError or ParseError when there is none that can be read."""
        return json_format.Parse((self.root / "lease.json").read_text(encoding="utf-8"), agents.Lease())

    def lease_id(self) -> str | None:
        """Return the id of the kept lease, None where there is none that can be read."""
        try:
            return self.load_lease().id
        except (OSError, json_format.ParseError):
            return None

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


class RunFolders:
    """All runs' folders of an agent."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    def create(self, run_id: str, lease: agents.Lease) -> RunFolder:
        """Return the folder of a newly leased run. What an earlier lease of the same run left is removed."""
        folder = RunFolder(self._root / run_id)
        folder.remove()
        folder.root.mkdir(mode=0o700)
        folder.files.mkdir()
        folder.save_lease(lease)
        return folder

    def of_lease(self, run_id: str, lease_id: str) -> RunFolder | None:
        """Return the folder that an earlier agent process made for this lease, None where there is none."""
        folder = RunFolder(self._root / run_id)
        return folder if folder.lease_id() == lease_id else None

    def __iter__(self) -> Iterator[RunFolder]:
        for path in sorted(self._root.iterdir()):
            if path.is_dir():
                yield RunFolder(path)
