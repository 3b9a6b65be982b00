"""Start, watch and end the supervisors of runs (see supervisor/ and ARCHITECTURE.md, "The folder of a run").

All functions are synchronous and short; `start` takes as long as a Python interpreter takes to start.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from orris_agent import supervisor
from orris_agent.beneath import Beneath
from orris_agent.control import request_cancel, write_command
from orris_agent.exits import Exit
from orris_agent.exits import read_exit as read_record
from orris_agent.folder import noted_boot
from orris_agent.runtimes.port import StartError
from orris_agent.supervisor import conduct, exit_record, measuring, processors, takeover, usage  # noqa: F401  see SUPERVISOR
from orris_agent.supervisor.system import LINUX, boot_id
from orris_agent.supervisor.tree import processes, stat_fields

# Started as a file: as a folder it would take 4 ms longer. It keeps nothing compiled (-B); the import of its modules
# above does, which saves 4 ms a run.
SUPERVISOR = Path(supervisor.__file__).with_name("__main__.py")

START_TIMEOUT_SECONDS = 60.0


def start(
    run_folder: Path,
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    time_limit_seconds: float | None = None,
    limits: Mapping[str, float] = MappingProxyType({}),
) -> None:
    """Start the run in `run_folder` under a supervisor that survives this process; do nothing if that was done before.

    ORRIS_RUN_FOLDER is added to `env`; `limits`: see `write_command`. A command that cannot be started is not an error
    here: it stands in exit.json. Raises StartError.
    """
    if not has_started(run_folder):
        env = {**env, "ORRIS_RUN_FOLDER": str(run_folder.absolute())}
        write_command(run_folder, argv, env, cwd, time_limit_seconds, limits=limits)
        start_written(run_folder)


def start_written(run_folder: Path) -> None:
    """Do so for a run whose command is in its folder already. Raises StartError."""
    folder = run_folder.absolute()
    launcher = [sys.executable, "-I", "-S", "-B", str(SUPERVISOR), str(folder)]
    try:
        done = subprocess.run(
            launcher,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=START_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartError(f"cannot start the supervisor of {folder}: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.returncode}"
        raise StartError(f"cannot start the supervisor of {folder}: {said}")


def has_started(run_folder: Path) -> bool:
    """Say whether a supervisor has taken the run over, as far as anybody can know."""
    return (run_folder / "supervisor.json").exists() or _is_of_another_boot(run_folder)


def is_alive(run_folder: Path) -> bool:
    """Say whether the run's supervisor is there: it has been started, and has not ended, or gone on to another run."""
    identity = _identity(run_folder)
    return identity is not None and _sees_to(run_folder, *identity)


def has_died(run_folder: Path) -> bool:
    """Say whether the supervisor ended without recording how the run ended: call `kill_leftovers` then."""
    return _identity(run_folder) is not None and not is_alive(run_folder) and read_exit(run_folder) is None


def read_exit(run_folder: Path) -> Exit | None:
    """Return how the run ended; None while that is not recorded, and when the machine was started again since.

    Nobody knows then which of the run's files had reached the disk.
    """
    return None if _is_of_another_boot(run_folder) else read_record(Beneath(run_folder))


def cancel(run_folder: Path) -> bool:
    """Ask the supervisor to end the run; return whether there was one to ask."""
    identity = _identity(run_folder)
    if identity is None:
        return False
    with _handle(identity[0]) as handle:
        # The handle was made first: it stays with the process that is looked at.
        if not _sees_to(run_folder, *identity):
            return False
        with contextlib.suppress(ProcessLookupError):
            _have_canceled(run_folder, identity[0], handle)
            return True
    return False


def _have_canceled(run_folder: Path, pid: int, handle: int | None) -> None:
    """Cancel the run by a file, since its supervisor may see to another that moment, and wake the supervisor."""
    try:
        request_cancel(run_folder)
        number = signal.SIGCHLD
    except OSError:  # the disk is full
        number = signal.SIGTERM
    if handle is None:
        os.kill(pid, number)
    else:
        signal.pidfd_send_signal(handle, number)


def open_handle(run_folder: Path) -> int | None:
    """Return a descriptor (pidfd) that becomes readable when the supervisor ends; None without one, or without pidfds.

    The caller closes it.
    """
    identity = _identity(run_folder)
    if identity is None:
        return None
    with _handle(identity[0]) as handle:
        return os.dup(handle) if handle is not None and _is_running(*identity) else None


def kill_leftovers(run_folder: Path) -> list[int]:
    """Kill what a supervisor that died left running; return the pids that were killed.

    Found by ORRIS_RUN_FOLDER in their environment, and as children of those. Where there is no /proc nothing is found.
    """
    mark = b"ORRIS_RUN_FOLDER=" + os.fsencode(run_folder.absolute())
    killed: list[int] = []
    while found := sorted(_marked(mark)):  # again, since what is killed last may have started more
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in found:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        killed += [pid for pid in found if pid not in killed]
        time.sleep(0.01)
    return killed


def _marked(mark: bytes) -> set[int]:
    if not LINUX:
        return set()
    children: dict[int, list[int]] = {}
    found: set[int] = set()
    for pid, parent, _ in processes():
        children.setdefault(parent, []).append(pid)
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                found.add(pid)
    todo = list(found)
    while todo:
        for pid in children.pop(todo.pop(), ()):
            found.add(pid)
            todo.append(pid)
    return found - {os.getpid()}


def _identity(run_folder: Path) -> tuple[int, int] | None:
    content = _supervisor(run_folder)
    if content is None or _is_another(content.get("boot", "")):
        return None
    return int(content["pid"]), int(content["start_ticks"])


def _is_of_another_boot(run_folder: Path) -> bool:
    content = _supervisor(run_folder)
    return _is_another(noted_boot(run_folder) if content is None else content.get("boot", ""))


def _is_another(boot: str) -> bool:
    return boot not in ("", boot_id())


def _supervisor(run_folder: Path) -> dict[str, Any] | None:
    try:
        content: dict[str, Any] = json.loads((run_folder / "supervisor.json").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:  # cut off when the machine lost its power
        return {"boot": "unknown"}
    return content


def _sees_to(run_folder: Path, pid: int, start_ticks: int) -> bool:
    return _is_running(pid, start_ticks) and _is_locked(run_folder)


def _is_running(pid: int, start_ticks: int) -> bool:
    if not LINUX:
        return True  # as far as can be told here
    try:
        fields = stat_fields(pid)
    except OSError:
        return False
    return fields[0] not in (b"Z", b"X") and int(fields[19]) == start_ticks


def _is_locked(run_folder: Path) -> bool:
    """Say whether a supervisor holds the folder's lock, as it does as long as the run is its own."""
    descriptor = os.open(run_folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def _handle(pid: int) -> Iterator[int | None]:
    """Hold a descriptor of the process, so that its pid is not mistaken for another's; None where there are none."""
    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)
