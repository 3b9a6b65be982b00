"""The journal of the run: events, one JSON object a line (ARCHITECTURE.md, "Journal events").

An event is recorded when `append` returns: there is no queue to flush and no thread to stop.
"""

import errno
import fcntl
import json
import os
import threading
import time

_journals = {}


def at(path) -> "Journal":
    """Return this process's journal at `path`: always the same one, which keeps one descriptor."""
    return _journals.setdefault(path, Journal(path))


class Journal:
    """Append events to a file that other threads and processes of the run append to as well."""

    def __init__(self, path) -> None:
        self.path = path
        self._lock = threading.RLock()  # a signal handler may log while its thread logs
        self._pid = os.getpid()
        self._descriptor = -1
        self._file = None

    def append(self, *events) -> None:
        """Record events, together and in order. Raises OSError when they cannot be recorded."""
        now = time.time()
        lines = [json.dumps(dict(event, time=now)) for event in events]
        if not lines:
            return
        content = ("\n".join(lines) + "\n").encode("ascii")
        if self._pid != os.getpid():  # forked: another thread of the parent may have held the lock
            self._lock = threading.RLock()
            self._pid = os.getpid()
        with self._lock:
            descriptor = self._open()
            # Locks of this kind belong to a process: a fork shares the descriptor, but not the lock.
            fcntl.lockf(descriptor, fcntl.LOCK_EX)
            try:
                _write_all(descriptor, content, self.path)
            finally:
                fcntl.lockf(descriptor, fcntl.LOCK_UN)

    def of(self, child: str) -> "ChildJournal":
        """Return the journal of a run that is part of this one: the same file, each event under that run's id."""
        return ChildJournal(self, child)

    def read(self, child=None) -> list:
        """Return the events recorded so far: the run's own, or those of one that is part of it."""
        try:
            with open(self.path, "rb") as file:
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return []
        events = []
        for line in lines:
            try:
                events.append(json.loads(line.decode("utf-8")))
            except ValueError:
                pass  # somebody else wrote into the journal
        return [event for event in events if isinstance(event, dict) and event.get("child") == child]

    def _open(self) -> int:
        """Return a descriptor of the file: the same one, unless the program closed it and perhaps reused its number."""
        if self._file is not None:
            try:
                status = os.fstat(self._descriptor)
                if (status.st_dev, status.st_ino) == self._file:
                    return self._descriptor
            except OSError:
                pass
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        status = os.fstat(self._descriptor)
        self._file = (status.st_dev, status.st_ino)
        return self._descriptor

    def __reduce__(self):
        return at, (self.path,)


class ChildJournal:
    """What a run reports for one that is part of it."""

    def __init__(self, journal: Journal, child: str) -> None:
        self._journal = journal
        self._child = child

    def append(self, *events) -> None:
        """Record events of the child, together and in order."""
        self._journal.append(*[dict(event, child=self._child) for event in events])

    def read(self) -> list:
        """Return the events recorded so far."""
        return self._journal.read(self._child)

    def of(self, child: str) -> "ChildJournal":
        """Return the journal of another one."""
        return ChildJournal(self._journal, child)


def _write_all(descriptor, content, path) -> None:
    """Write all of it, as a rule with one write; on failure nothing of it."""
    before = os.fstat(descriptor).st_size
    written = 0
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError as error:
        if written:
            os.ftruncate(descriptor, before)
        reason = os.strerror(error.errno or errno.EIO)
        raise OSError(error.errno, "what the run logged could not be recorded: %s" % reason, path) from error
