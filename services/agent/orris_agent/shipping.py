"""Send what a run writes while it writes it: log files by byte offset, its journal by line, all in one report.

Everything goes on where the server's copy ends, so a restarted agent sends nothing twice and leaves nothing out.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris.tree_paths import fault_of
from orris_agent import journal
from orris_agent.beneath import Beneath
from orris_agent.folder import JOURNAL, RunFolder
from orris_agent.folder import STD_LOG as STD_LOG_FILE
from orris_agent.giving_back import give_back
from orris_agent.log_parts import LogParts
from orris_agent.log_source import ChangingFile, GrowingFile, LogSource
from orris_agent.reports import Reports
from orris_agent.usage import UsageFile
from orris_kit.blocking import run_blocking

STD_LOG = "user_logs/std_log.txt"
_LOGS = "logs"  # the folder of the files that a program logs into, in its working directory

_MOST_BYTES = 512 * 1024  # of logs in one report
# Of what is stored by the server, the last bytes stay: they explain errors. The disk gets the rest back in pieces.
_KEPT_BYTES = 1024 * 1024
_GIVEN_BACK_BYTES = 8 * 1024 * 1024
_MOST_EVENTS = 1000
_LONGEST_LINE = 1024 * 1024  # of a journal: a longer one is no event of ours
_MOST_LOG_FILES = 1000
_MOST_HELD = 16  # files in logs/ that are held open, of each run
_LONGEST_NAME = 1024  # of a log file, in characters, as the server takes them
_LOOK_FOR_LOGS = 0.5  # seconds between looks for new files in logs/
_SHORTEST_PAUSE, _LONGEST_PAUSE = (0.02, 0.25)  # seconds between looks for new bytes, growing while there are none
_FIRST_PAUSE = 0.05  # the same before the first look: what a shorter run has written goes along with its end


class LogFile:
    """Bytes that become more, and their log on the server.

    `stored`: how many the server has, where that is known. `free`: gives the disk back the first so many of them, once
    the server has these, but for the last bytes.
    """

    def __init__(
        self, name: str, source: LogSource, stored: int | None = None, free: Callable[[int], object] | None = None
    ) -> None:
        self._name = name
        self._source = source
        self._stored = stored
        self._free = free
        self._full = False
        self._ended = False
        self._given_back = 0

    @property
    def has_ended(self) -> bool:
        """Whether the server knows its end."""
        return self._ended

    def next(self, most: int, last: bool) -> agents.ReportRunRequest.LogBytes | None:
        """Return the next bytes, at most so many; with `last`, behind the last ones, that nothing follows."""
        if self._ended or most <= 0:
            return None
        if self._stored is None:
            return self._piece(0)
        if self._full:
            # Nothing of the rest is kept: the server counts it by where the file ends.
            self._stored = max(self._stored, self._source.size())
            return self._piece(self._stored, end=True) if last else None
        data = self._source.read(self._stored, most)
        end = last and len(data) < most
        return self._piece(self._stored, data, end) if data or end else None

    async def taken(self, piece: agents.ReportRunRequest.LogBytes, taken: agents.ReportRunResponse.Taken) -> None:
        """Go on where the server says; give the disk back what it has."""
        self._stored = taken.size
        self._full = taken.full
        self._ended = piece.end and taken.size == piece.offset + len(piece.data)
        end = self._stored - _KEPT_BYTES
        if self._free is not None and end - self._given_back >= _GIVEN_BACK_BYTES:
            self._given_back = end
            await run_blocking(self._free, end)

    def _piece(self, offset: int, data: bytes = b"", end: bool = False) -> agents.ReportRunRequest.LogBytes:
        return agents.ReportRunRequest.LogBytes(file=self._name, offset=offset, data=data, end=end)


class Journal:
    """A run's journal and its events on the server, which expects the one that is `expected`, where that is known.

    `published`: see `journal.parse`.
    """

    def __init__(self, folder: Beneath, published: str | None = None, expected: int | None = None) -> None:
        self._folder = folder
        self._published = published
        self._offset = 0
        self._sequence = 0
        self.expected = expected

    def next(self, last: bool) -> tuple[int, Sequence[agents.RunEvent]]:
        """Return the events of the next complete lines, with `last` also of one left incomplete, and their sequence."""
        while self.expected is not None and (lines := self._lines(last)):
            first, self._sequence = self._sequence, self._sequence + len(lines)
            skipped = max(0, self.expected - first)
            if skipped < len(lines):
                return first + skipped, [journal.parse(line, self._published) for line in lines[skipped:]]
        return self.expected or 0, ()

    @property
    def is_at_end(self) -> bool:
        """Whether all of it has been taken up."""
        return self.expected is not None and self._offset >= _size(self._folder, JOURNAL)

    def _lines(self, last: bool) -> list[bytes]:
        data = _read(self._folder, JOURNAL, self._offset, _LONGEST_LINE)
        end = data.rfind(b"\n") + 1
        if not end and (len(data) == _LONGEST_LINE or (last and data)):
            self._offset += len(data)
            return [data]
        lines = data[:end].splitlines(keepends=True)[:_MOST_EVENTS]
        self._offset += sum(map(len, lines))
        return lines


@dataclass(frozen=True, slots=True)
class Last:
    """A report of what a run wrote last, in the files that its logs are of; whether nothing is left out of it."""

    report: agents.ReportRunRequest
    files: Sequence[LogFile]
    is_all: bool


class Shipping:
    """Everything that one run writes. `begun`: whether some of it may have been sent by another agent process."""

    def __init__(self, reports: Reports, folder: RunFolder, published: str | None = None, begun: bool = True) -> None:
        self._reports = reports
        self._stored = None if begun else 0
        self._folder = folder.written
        # Files in logs/ are kept with the run's outputs as well: they stay whole.
        self._files = {STD_LOG: self._std_log(folder.owner[0])}
        self._parts = LogParts(folder.root, begun)
        self._journal = Journal(self._folder, published, self._stored)
        self._usage = UsageFile(self._folder)
        self._next_look = 0.0

    async def begin(self, started: float, warnings: Sequence[str] = ()) -> bool:
        """Say that the run is running, since when (seconds of the epoch); return whether it is to be canceled."""
        request, pieces = self._new(last=False)
        request.state = runs.Run.STATE_RUNNING
        request.time.FromNanoseconds(int(started * 1e9))
        request.warnings.extend(warnings)
        return (await self._tell(request, pieces)).cancel

    async def until(self, ended: asyncio.Event) -> None:
        """Send what comes until the program has `ended`."""
        pause = _FIRST_PAUSE
        while not ended.is_set():
            if time.monotonic() >= self._next_look:
                await self._look()
            if await self._send():
                pause = _SHORTEST_PAUSE
            else:
                await _wait(ended, pause)
                pause = min(1.5 * pause, _LONGEST_PAUSE)
        await self._look()

    def last(self) -> Last:
        """Return the report of what is left to send when all is written: the end takes it along, or `finalize`."""
        request, pieces = self._new(last=True)
        taken_up = all(file.has_ended or file in pieces for file in self._files.values())
        ends = taken_up and all(piece.end for piece in request.logs)
        return Last(request, pieces, ends and self._journal.is_at_end and self._usage.is_at_end)

    async def finalize(self, last: Last) -> None:
        """Say that the program has ended, and send what is left, with the logs' end marks."""
        last.report.state = runs.Run.STATE_FINALIZING
        last.report.time.GetCurrentTime()
        await self._tell(last.report, last.files)
        while await self._send(last=True):
            pass

    async def _send(self, last: bool = False) -> bool:
        """Send what is new; return whether there was anything."""
        request, pieces = self._new(last)
        if not (pieces or request.events or request.samples) and self._journal.expected is not None:
            return False
        await self._tell(request, pieces)
        return True

    def _new(self, last: bool) -> tuple[agents.ReportRunRequest, list[LogFile]]:
        """Return a report of what is new, and the files that its logs are of."""
        request = agents.ReportRunRequest()
        pieces: list[LogFile] = []
        room = _MOST_BYTES
        for file in self._files.values():
            if (piece := file.next(room, last)) is not None:
                request.logs.append(piece)
                pieces.append(file)
                room -= len(piece.data)
        request.first_sequence, events = self._journal.next(last)
        request.events.extend(events)
        request.samples.extend(self._usage.next(last))
        self._parts.keep()
        return request, pieces

    async def _tell(self, request: agents.ReportRunRequest, pieces: Sequence[LogFile]) -> agents.ReportRunResponse:
        heard = await self._reports.report(request)
        for file, piece, taken in zip(pieces, request.logs, heard.logs, strict=True):
            await file.taken(piece, taken)
        self._journal.expected = heard.next_sequence
        return heard

    async def _look(self) -> None:
        """Take up files that are new in logs/."""
        self._next_look = time.monotonic() + _LOOK_FOR_LOGS
        if len(self._files) >= _MOST_LOG_FILES or not self._has_logs():
            return
        for name in await run_blocking(self._found):
            if name not in self._files:
                self._files[name] = self._log_in_folder(name)

    def _std_log(self, owner: int) -> LogFile:
        def free(end: int) -> None:
            give_back(self._folder, STD_LOG_FILE, end, owner)

        return LogFile(STD_LOG, GrowingFile(self._folder, STD_LOG_FILE), self._stored, free)

    def _log_in_folder(self, name: str) -> LogFile:
        file, held = name.removeprefix(f"{_LOGS}/"), len(self._files) <= _MOST_HELD
        known, note = self._parts.of(name), partial(self._parts.note, name)
        return LogFile(name, ChangingFile(self._folder, f"work/{_LOGS}", file, known, note, held), self._stored)

    def _has_logs(self) -> bool:
        return os.path.lexists(self._folder.root / "work" / _LOGS)

    def _found(self) -> list[str]:
        names = (f"{_LOGS}/{path}" for path in self._folder.files(f"work/{_LOGS}"))
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
