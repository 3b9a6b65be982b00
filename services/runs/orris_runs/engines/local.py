"""Agents as processes of this machine: they outlive this service, which finds them again.

Each has a folder, `nodes/<pool>/<id>/` in the home: `lock`, which its process holds as long as it lives, `pid`, which
the process itself writes, `agent.log`, and `agent/`, where its runs are.
"""

import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from time import clock_gettime, monotonic, sleep

from orris_runs.engines.last_words import last_words
from orris_runs.engines.port import EngineNode, EngineUnavailable, NodePhase, NodeRequest, Surroundings

# An agent that was told to end and has not is killed after so many seconds.
STOP_SECONDS = 10.0
# A supervisor looks at its lease's end every second; no lease is as long as the other.
ENDING_SECONDS, FARTHEST_SECONDS = 10.0, 86_400.0
CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_LOOK_SECONDS = 0.02


class LocalEngine:
    """Keeps agents as processes of this machine."""

    def __init__(self, surroundings: Surroundings, stop_seconds: float = STOP_SECONDS) -> None:
        self._surroundings = surroundings
        self._root = nodes_folder(surroundings.home)
        self._stop_seconds = stop_seconds
        self._lock = threading.Lock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._told: dict[str, float] = {}

    def start(self, request: NodeRequest) -> None:
        """Start an agent, unless it is there. Raises EngineUnavailable where none is installed beside this service."""
        if find_spec("orris_agent") is None:
            message = "no agent is installed beside the runs service: install the distribution orris-agent there"
            raise EngineUnavailable(message)
        folder = self._root / request.pool / request.id
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _held(folder) as lock:
                if lock is not None:
                    self._begin(folder, request, lock)
        except OSError as problem:
            raise EngineUnavailable(f"no agent can be started in {folder}: {problem}") from problem

    def stop(self, pool: str, node_id: str) -> None:
        """Tell an agent to end, kill it where it does not; remove its folder once all that it executed has ended."""
        folder = self._root / pool / node_id
        self._reap(node_id)
        if not folder.is_dir():
            return
        if is_alive(folder):
            self._tell_to_end(folder)
        elif not executes(folder):
            self._told.pop(node_id, None)
            shutil.rmtree(folder, ignore_errors=True)

    def nodes(self, pool: str) -> list[EngineNode]:
        """Return the agents of a pool, those that have ended included until they are stopped."""
        try:
            folders = sorted(each for each in (self._root / pool).iterdir() if each.is_dir())
        except FileNotFoundError:
            return []
        return [self._node(folder) for folder in folders]

    def ray(self, options: Mapping[str, str]) -> None:
        """Its nodes are on no cluster."""

    def close(self) -> None:
        """Agents go on; there is nothing to let go of."""

    def _tell_to_end(self, folder: Path) -> None:
        told = self._told.get(folder.name)
        if told is None:
            if _signal(folder, signal.SIGTERM):
                self._told[folder.name] = monotonic()
        elif monotonic() - told > self._stop_seconds:
            _signal(folder, signal.SIGKILL)

    def _begin(self, folder: Path, request: NodeRequest, lock: int) -> None:
        program = f"echo $$ >pid.new && mv pid.new pid && exec {shlex.quote(sys.executable)} -m orris_agent"
        with (folder / "agent.log").open("ab") as log:
            child = subprocess.Popen(
                ["/bin/sh", "-c", program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
                env=self._environment(folder, request),
                pass_fds=[lock],
                start_new_session=True,
            )
        with self._lock:
            self._children[request.id] = child

    def _environment(self, folder: Path, request: NodeRequest) -> dict[str, str]:
        ours = {
            "ORRIS_HOME": str(self._surroundings.home),
            "ORRIS_TOKEN_FILE": str(self._surroundings.agent_token),
            "ORRIS_AGENT_NAME": request.id,
            "ORRIS_AGENT_POOL": request.pool,
            "ORRIS_AGENT_SLOTS": str(request.slots),
            "ORRIS_AGENT_FOLDER": str(folder / "agent"),
            "ORRIS_AGENT_CPUS": f"{request.cpus:g}",
            "ORRIS_AGENT_MEMORY": str(request.memory_bytes),
            "ORRIS_AGENT_FINISH_ON_STOP": "true",
            "ORRIS_AGENT_SLEEPS_ALONG": "true",
        }
        return {**self._surroundings.environment, **self._surroundings.settings, **ours}

    def _node(self, folder: Path) -> EngineNode:
        code = self._reap(folder.name)
        if is_alive(folder):
            phase = NodePhase.RUNNING if (folder / "pid").exists() else NodePhase.STARTING
            return EngineNode(folder.name, phase, host=socket.gethostname())
        return EngineNode(folder.name, NodePhase.GONE, _ended(folder, code), socket.gethostname())

    def _reap(self, node_id: str) -> int | None:
        """Return the exit code of an agent that this process has started and that has ended."""
        with self._lock:
            child = self._children.get(node_id)
        return None if child is None else child.poll()


def nodes_folder(home: Path) -> Path:
    """Return where the agents of a home's pools have their folders."""
    return home / "nodes"


def end_all(home: Path, seconds: float = STOP_SECONDS) -> None:
    """End every agent that belongs to a home; those that have not after so many seconds are killed."""
    folders = [each for each in nodes_folder(home).glob("*/*") if each.is_dir()]
    for number, patience in ((signal.SIGTERM, seconds / 2), (signal.SIGTERM, seconds / 2), (signal.SIGKILL, seconds)):
        left = [folder for folder in folders if is_alive(folder)]
        for folder in left:
            _signal(folder, number)
        end = monotonic() + patience
        while monotonic() < end and any(map(is_alive, left)):
            sleep(_LOOK_SECONDS)


def is_alive(folder: Path) -> bool:
    """Tell whether the agent of a folder lives. The kernel's lock is the truth: it ends with its process."""
    with _held(folder) as lock:
        return lock is None


def executes(folder: Path) -> bool:
    """Tell whether runs of an agent that has ended go on: each until its lease has run out, which it reads there."""
    return any(map(_goes_on, (folder / "agent" / "runs").glob("*")))


def _goes_on(run: Path) -> bool:
    """Tell whether a run may, by the files of its folder (ARCHITECTURE.md, "The folder of a run")."""
    inner, control = (run / "run", run / "control") if (run / "control").is_dir() else (run, run)
    if (inner / "exit.json").exists():
        return False
    try:
        left = float((control / "deadline").read_text()) - clock_gettime(CLOCK)
    except (OSError, ValueError):
        return False
    # What lies farther ahead was written before the machine was started anew.
    return -ENDING_SECONDS < left < FARTHEST_SECONDS


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[int | None]:
    """Hold the lock of a folder; None where its agent does. A process that inherits it holds it on."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def _signal(folder: Path, number: signal.Signals) -> bool:
    """Send a signal to the agent of a folder, which was alive a moment ago; return whether that could be done."""
    try:
        os.kill(int((folder / "pid").read_text()), number)
    except (OSError, ValueError):
        return False
    return True


def _ended(folder: Path, code: int | None) -> str:
    if code is None:
        how = "its process has ended"
    elif code < 0:
        how = f"its process was killed by signal {-code}"
    else:
        how = f"its process has ended with exit code {code}"
    last = last_words(folder / "agent.log")
    return f"{how}: {last}" if last and code else how
