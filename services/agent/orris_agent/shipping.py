"""Send what a run writes while it writes it: log files by byte offset, its journal by line.

Both go on where the server's copy ends, so a restarted agent sends nothing twice and leaves nothing out.
"""

from __future__ import annotations

import asyncio
import os
import time
from itertools import islice

from orris.tree_paths import fault_of
from orris_agent import journal
from orris_agent.beneath import Beneath
from orris_agent.folder import JOURNAL, RunFolder
from orris_agent.folder import STD_LOG as STD_LOG_FILE
from orris_agent.giving_back import give_back
from orris_agent.reports import Reports
from orris_agent.usage import UsageFile
from orris_kit.blocking import run_blocking

STD_LOG = "user_logs/std_log.txt"

_CHUNK = 512 * 1024
# Of what is stored by the server, the last bytes stay: they explain errors. The disk gets the rest back in pieces.
_KEPT_BYTES = 1024 * 1024
_GIVEN_BACK_BYTES = 8 * 1024 * 1024
_MOST_EVENTS = 1000
_LONGEST_LINE = 1024 * 1024  # of a journal: a longer one is no event of ours
_MOST_LOG_FILES = 1000
_LONGEST_NAME = 1024  # of a log file, in characters, as the server takes them
_LOOK_FOR_LOGS = 0.5  # seconds between looks for new files in logs/
_SHORTEST_PAUSE, _LONGEST_PAUSE = (0.01, 0.25)  # seconds between looks for new bytes, growing while there are none


class LogFile:
    """One growing file and its log on the server.

    `stored`: how much of it the server has, where that is known. With an `owner`, the user that the run has, the disk
    gets back what is stored by the server, but for the last bytes.
    """

    def __init__(
        self,
        reports: Reports,
        name: str,
        folder: Beneath,
        path: str,
        owner: int | None = None,
        stored: int | None = None,
    ) -> None:
        self._reports = reports
        self._name = name
        self._folder, self._path = folder, path
        self._owner = owner
        self._stored = stored
        self._given_back = 0

    async def step(self) -> bool:
        """Send the next bytes; return whether there were any."""
        return await self._send(last=False) > 0

    async def close(self) -> None:
        """Send what is left, and that nothing follows."""
        while await self._send(last=True) == _CHUNK:
            pass

    async def _send(self, last: bool) -> int:
        """Send the next bytes, with `last` that nothing follows where they are fewer than a chunk; return how many."""
        if self._stored is None:
            self._stored = await self._reports.log(self._name, 0, b"")
        if self._name in self._reports.full:
            # Nothing of the rest is kept: the server counts it by where the file ends.
            self._stored = max(self._stored, _size(self._folder, self._path))
            await self._give_back(self._stored)
            data = b""
        else:
            data = _read(self._folder, self._path, self._stored, _CHUNK)
        end = last and len(data) < _CHUNK
        if data or end:
            self._stored = await self._reports.log(self._name, self._stored, data, end=end)
            await self._give_back(self._stored)
        return len(data)

    async def _give_back(self, stored: int) -> None:
        end = stored - _KEPT_BYTES
        if self._owner is None or end - self._given_back < _GIVEN_BACK_BYTES:
            return
        self._given_back = end
        await run_blocking(give_back, self._folder, self._path, end, self._owner)


class Journal:
    """A run's journal and its events on the server, which expects the one that is `expected`, where that is known.

    `published`: see `journal.parse`.
    """

    def __init__(
        self, reports: Reports, folder: Beneath, published: str | None = None, expected: int | None = None
    ) -> None:
        self._reports = reports
        self._folder = folder
        self._published = published
        self._offset = 0
        self._sequence = 0
        self._expected = expected

    async def step(self, last: bool = False) -> bool:
        """Send the next complete lines, with `last` also one left incomplete; return whether there were any."""
        if self._expected is None:
            self._expected = await self._reports.events(0, ())
        lines = self._lines(last)
        if not lines:
            return False
        first, self._sequence = self._sequence, self._sequence + len(lines)
        skipped = max(0, self._expected - first)
        if skipped < len(lines):
            events = [journal.parse(line, self._published) for line in lines[skipped:]]
            self._expected = await self._reports.events(first + skipped, events)
        return True

    def _lines(self, last: bool) -> list[bytes]:
        data = _read(self._folder, JOURNAL, self._offset, _LONGEST_LINE)
        end = data.rfind(b"\n") + 1
        if not end and (len(data) == _LONGEST_LINE or (last and data)):
            self._offset += len(data)
            return [data]
        lines = data[:end].splitlines(keepends=True)[:_MOST_EVENTS]
        self._offset += sum(map(len, lines))
        return lines


class Shipping:
    """Everything that one run writes. `begun`: whether some of it may have been sent by another agent process."""

    def __init__(self, reports: Reports, folder: RunFolder, published: str | None = None, begun: bool = True) -> None:
        self._reports = reports
        self._stored = None if begun else 0
        self._folder = folder.written
        # Files in logs/ are kept with the run's outputs as well: they stay whole.
        std_log = LogFile(reports, STD_LOG, self._folder, STD_LOG_FILE, folder.owner[0], self._stored)
        self._files = {STD_LOG: std_log}
        self._journal = Journal(reports, self._folder, published, self._stored)
        self._usage = UsageFile(reports, self._folder)
        self._next_look = 0.0

    async def until(self, ended: asyncio.Event) -> None:
        """Send what comes until the program has `ended`, then what is left and the logs' end marks."""
        pause = _SHORTEST_PAUSE
        while not ended.is_set():
            moved = await self._step()
            pause = _SHORTEST_PAUSE if moved else min(1.5 * pause, _LONGEST_PAUSE)
            if not moved:
                await _wait(ended, pause)
        await self._finish()

    async def _step(self) -> bool:
        if time.monotonic() >= self._next_look:
            await self._look()
        await self._usage.step()
        moved = [await file.step() for file in tuple(self._files.values())]
        return any([*moved, await self._journal.step()])

    async def _finish(self) -> None:
        while await self._journal.step(last=True):
            pass
        await self._look()
        for file in self._files.values():
            await file.close()
        await self._usage.send()

    async def _look(self) -> None:
        """Take up files that are new in logs/."""
        self._next_look = time.monotonic() + _LOOK_FOR_LOGS
        if len(self._files) >= _MOST_LOG_FILES or not self._has_logs():
            return
        for name in await run_blocking(self._found):
            if name not in self._files:
                self._files[name] = LogFile(self._reports, name, self._folder, f"work/{name}", stored=self._stored)

    def _has_logs(self) -> bool:
        return os.path.lexists(self._folder.root / "work" / "logs")

    def _found(self) -> list[str]:
        names = (f"logs/{path}" for path in self._folder.files("work/logs"))
        # Others are named when outputs and logs are kept; here they would end the run.
        fine = (name for name in names if not fault_of(name) and len(name) <= _LONGEST_NAME)
        return list(islice(fine, _MOST_LOG_FILES))


def _read(folder: Beneath, path: str, offset: int, size: int) -> bytes:
    try:
        return folder.read(path, offset, size)
    except OSError:  # not there yet, removed by the program, or no file of the run
        return b""


def _size(folder: Beneath, path: str) -> int:
    try:
        return folder.size(path)
    except OSError:
        return 0


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
