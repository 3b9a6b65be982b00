"""Run a program to its end, bounded in time and output, and killable with everything that it started."""

import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from orris.errors import Cancelled, DeadlineExceeded, FailedPrecondition

Log = Callable[[str], None]

OUTPUT_LIMIT = 16 * 1024 * 1024
LINE_LIMIT = 8 * 1024
LINES_KEPT = 400
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Finished:
    """What a program left: its exit code, its standard output, and the last lines of its standard error."""

    exit_code: int
    output: str
    errors: tuple[str, ...]


@dataclass
class _Reading:
    """What the reader threads have gathered so far; `full` once more than the limit was written."""

    chunks: list[bytes] = field(default_factory=list)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    full: bool = False

    def gather(self, pipe: IO[bytes], limit: int) -> None:
        size = 0
        while chunk := os.read(pipe.fileno(), 65536):
            size += len(chunk)
            self.full = self.full or size > limit
            if not self.full:
                self.chunks.append(chunk)

    def follow(self, pipe: IO[bytes], log: Log | None, clean: Callable[[str], str]) -> None:
        while raw := pipe.readline(LINE_LIMIT):
            line = clean(raw.decode("utf-8", "replace").rstrip())
            self.lines.append(line)
            if log is not None and line:
                log(line)


def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    timeout: float,
    log: Log | None = None,
    cancel: threading.Event | None = None,
    clean: Callable[[str], str] = str,
    output_limit: int = OUTPUT_LIMIT,
    pass_fds: Sequence[int] = (),
) -> Finished:
    """Run `arguments` in a process group of their own and return what they left.

    Lines of standard error go through `clean` (which takes secrets out) and then to `log` as they come. `timeout` is in
    seconds, `output_limit` in bytes of standard output; `pass_fds` are descriptors it inherits.

    The group is killed when the program has ended and when it has not: then this raises Cancelled (`cancel` was set),
    DeadlineExceeded (`timeout`) or FailedPrecondition (`output_limit`). Raises OSError when the program cannot be
    started.
    """
    process = subprocess.Popen(
        list(arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=dict(environ),
        start_new_session=True,
        pass_fds=pass_fds,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    reading = _Reading()
    readers = (
        threading.Thread(target=reading.gather, args=(process.stdout, output_limit), daemon=True),
        threading.Thread(target=reading.follow, args=(process.stderr, log, clean), daemon=True),
    )
    for reader in readers:
        reader.start()
    try:
        _wait(process, Path(arguments[0]).name, timeout, cancel, reading)
    finally:
        _end(process, readers)
    if reading.full:
        raise FailedPrecondition(f"{Path(arguments[0]).name} wrote more than {output_limit} bytes")
    return Finished(process.returncode, b"".join(reading.chunks).decode("utf-8", "replace"), tuple(reading.lines))


def _wait(
    process: subprocess.Popen[bytes], name: str, timeout: float, cancel: threading.Event | None, reading: _Reading
) -> None:
    """Wait for the end without reaping: the number of the process stays its own until its group has been killed."""
    end = time.monotonic() + timeout
    pause = 0.001
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if cancel is not None and cancel.is_set():
            raise Cancelled(f"{name} was canceled")
        if time.monotonic() > end:
            raise DeadlineExceeded(f"{name} took longer than {timeout:g} seconds")
        if reading.full:
            return
        time.sleep(pause)
        pause = min(2 * pause, POLL_SECONDS)


def _end(process: subprocess.Popen[bytes], readers: Iterable[threading.Thread]) -> None:
    """Kill what is left of the group, reap its leader, and let the readers come to the end of the pipes."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for reader in readers:
        reader.join(timeout=5)
    if not any(reader.is_alive() for reader in readers):  # else something left the group and holds a pipe open
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
