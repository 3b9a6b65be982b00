"""Start, stop and look at an instance: what `orris up`, `down` and `status` do."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris import errors
from orris_standalone import instance

if TYPE_CHECKING:
    from orris_standalone.config import Settings

LOG = "orris.log"

_START_SECONDS = 60.0
_POLL_SECONDS = 0.02


def up(home: Path, port: int | None, http_port: int | None, foreground: bool) -> int:
    """Start an instance; in the foreground until Ctrl-C. Return the exit code.

    Raises FailedPrecondition when one runs in the home already, Unavailable when it does not come up.
    """
    if instance.is_running(home):
        with instance.held(home):  # says who runs there
            pass
    return _foreground(home, port, http_port) if foreground else _background(home, port, http_port)


def down(home: Path, timeout: float = 60.0) -> bool:
    """Stop the instance of a home, its runs first; return whether there was one.

    Raises DeadlineExceeded when it has not ended after `timeout` seconds.
    """
    running = instance.read(home)
    if running is None or not instance.is_running(home):
        return False
    with _ended(running.pid) as ended:
        os.kill(running.pid, signal.SIGTERM)
        end = time.monotonic() + timeout
        while instance.is_running(home) or not ended():
            if time.monotonic() > end:
                raise errors.DeadlineExceeded(
                    f"Process {running.pid} has not ended after {timeout:g} s. See {home / LOG}, "
                    f"or end it: kill -9 {running.pid}"
                )
            time.sleep(_POLL_SECONDS)
    return True


def left(home: Path) -> str:
    """Return what may go on though the instance of a home has ended, and how it is ended; empty where nothing does."""
    return instance.read_left(home)


@contextlib.contextmanager
def _ended(pid: int) -> Iterator[Callable[[], bool]]:
    """Give what tells whether a process has ended, also one that nobody has reaped; always true where nothing tells."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        yield lambda: True
        return
    try:
        yield lambda: bool(select.select([handle], [], [], 0)[0])
    finally:
        os.close(handle)


def status(home: Path) -> dict[str, Any] | None:
    """Return how to reach the instance of a home, None when none runs there."""
    running = instance.read(home)
    return asdict(running) if running is not None and instance.is_running(home) else None


def _foreground(home: Path, port: int | None, http_port: int | None) -> int:
    from orris_kit import lifecycle, logging
    from orris_standalone.live import LiveStatus
    from orris_standalone.process import run

    settings = _settings(home, port, http_port)
    logging.setup("warning" if sys.stderr.isatty() else settings.log_level, settings.log_style)
    with LiveStatus() as live:
        lifecycle.main(lambda: run(settings, live.ready))
    return 0


def _background(home: Path, port: int | None, http_port: int | None) -> int:
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = {**os.environ, "ORRIS_HOME": str(home)}
    for name, value in (("ORRIS_STANDALONE_PORT", port), ("ORRIS_STANDALONE_HTTP_PORT", http_port)):
        if value is not None:
            environment[name] = str(value)
    with (home / LOG).open("ab") as log:
        begin = log.tell()
        process = subprocess.Popen(
            [sys.executable, "-m", "orris_standalone"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    _wait_until_up(home, process, begin)
    return 0


def _wait_until_up(home: Path, process: subprocess.Popen[bytes], log_begin: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while (running := instance.read(home)) is None or running.pid != process.pid:
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise errors.Unavailable(f"The instance did not come up. Its log says:\n{_tail(home / LOG, log_begin)}")
        time.sleep(_POLL_SECONDS)


def _tail(log: Path, begin: int) -> str:
    with log.open("rb") as file:
        file.seek(begin)
        return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-10:])


def _settings(home: Path, port: int | None, http_port: int | None) -> Settings:
    from orris_standalone.config import Settings

    given = {"home": home, "port": port, "http_port": http_port}
    return Settings().model_copy(update={name: value for name, value in given.items() if value is not None})
