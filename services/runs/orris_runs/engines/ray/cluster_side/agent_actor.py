"""The actor that keeps an agent alive on the machine where Ray has put it. The standard library and Ray only."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ray

_AGENT_SECONDS = 5.0
_RUNS_SECONDS = 7.0
_LONGEST_PAUSE = 30.0
_LAST_LINE_BYTES = 2000
_BOOT = Path("/proc/sys/kernel/random/boot_id")

# What Ray sets for its own workers (an actor of no processors is told to use one thread and no graphics processor), and
# what its Python was told, is nothing for the runs of an agent; Ray's token least of all.
_NOT_INHERITED = ("RAY_", "PYTHON", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


class AgentActor:
    """One node of a pool. `order` is what the engine asked for: see `RayEngine.start`.

    It begins anew where its process was lost and the machine is still the same: the agent's folder is there, and what
    runs in it is taken up. On another machine it refuses: what the agent ran is not there, and may still run elsewhere.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._root = Path(order["folder"]).expanduser()
        self._home = self._root / "nodes" / order["id"]
        _check_size(order)
        self._settle(again=ray.get_runtime_context().was_current_actor_reconstructed)
        self._process: subprocess.Popen[bytes] | None = None
        self._problem = "the agent before it has yet to end"
        self._ending = threading.Event()
        self._keeping = threading.Thread(target=self._keep, daemon=True)
        self._keeping.start()

    def state(self) -> dict[str, str]:
        """Return where the node stands: phase, message, host."""
        running = self._process is not None and self._process.poll() is None
        return {
            "phase": "running" if running else "starting",
            "message": "" if running else self._problem,
            "host": socket.gethostname(),
        }

    def end(self) -> None:
        """End the agent and what it runs, and remove its folder."""
        self._ending.set()
        self._stop()
        self._keeping.join(_AGENT_SECONDS)
        _end_runs(self._home)
        shutil.rmtree(self._home, ignore_errors=True)

    def _settle(self, again: bool) -> None:
        marker, boot = self._home / "machine", _BOOT.read_text()
        if again and not (marker.exists() and marker.read_text() == boot):
            raise RuntimeError("its machine was lost")
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(self._home / "agent.token", self._order["token"])
        _write(self._home / "ray.token", _cluster_token())
        _write(marker, boot)

    def _keep(self) -> None:
        pause = 1.0
        with open(self._home / "agent.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # an agent that an earlier actor started here is about to end
            while not self._ending.is_set():
                begun = time.monotonic()
                try:
                    code = self._run(lock.fileno())
                except OSError as error:
                    self._problem = f"the agent cannot be started: {error}"
                else:
                    self._problem = f"the agent ended with {code}: {_last_line(self._home / 'agent.log')}"
                pause = 1.0 if time.monotonic() - begun > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
                self._ending.wait(pause)

    def _run(self, lock: int) -> int:
        """Run the agent to its end. It ends with its standard input, so with this process; it holds the lock."""
        argv = [self._order["python"] or sys.executable, "-m", "orris_agent", "--until-eof"]
        with open(self._home / "agent.log", "wb") as log:  # a file: what the agent has started may outlive it
            self._process = subprocess.Popen(
                argv, env=self._environment(), cwd=self._home, stdin=subprocess.PIPE, stdout=log, stderr=log,
                start_new_session=True, pass_fds=[lock],
            )  # fmt: skip
        if self._ending.is_set():
            self._stop()
        return self._process.wait()

    def _environment(self) -> dict[str, str]:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        return {
            **inherited,
            **self._order["settings"],
            "ORRIS_HOME": str(self._home),
            "ORRIS_TOKEN_FILE": str(self._home / "agent.token"),
            "ORRIS_AGENT_NAME": self._order["id"],
            "ORRIS_AGENT_POOL": self._order["pool"],
            "ORRIS_AGENT_SLOTS": str(self._order["slots"]),
            "ORRIS_AGENT_CPUS": f"{self._order['cpus']:g}",
            "ORRIS_AGENT_MEMORY": str(self._order["memory_bytes"]),
            "ORRIS_AGENT_FINISH_ON_STOP": "true",
            "ORRIS_AGENT_ENVIRONMENTS": str(self._root / "environments"),
            "ORRIS_AGENT_RAY_ADDRESS": ray.get_runtime_context().gcs_address,
            "ORRIS_AGENT_RAY_PROCESSORS": self._order["processors"],
            "ORRIS_AGENT_RAY_VERSION": ray.__version__,
            "ORRIS_AGENT_RAY_PYTHON_VERSION": platform.python_version(),
        }

    def _stop(self) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()  # SIGTERM would be the end of the machine, before which it ends what it runs
        try:
            process.wait(_AGENT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _last_line(log: Path) -> str:
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - _LAST_LINE_BYTES))
        lines = file.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def _cluster_token() -> str:
    """Return what Ray lets its own in with, found as Ray finds it: for runs that spread their work over the cluster."""
    if token := os.environ.get("RAY_AUTH_TOKEN"):
        return token
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    return path.read_text().strip() if path.exists() else ""


def _check_size(order: dict[str, Any]) -> None:
    processors = os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for has, wanted, noun in (
        (processors, order["cpus"], "processors"),
        (memory, order["memory_bytes"], "bytes of memory"),
    ):
        if has < wanted:
            raise RuntimeError(
                f"{socket.gethostname()} has {has} {noun}, the pool asks for {wanted:g}; "
                f"only machines large enough may have the resource {order['resource']!r}"
            )


def _end_runs(home: Path) -> None:
    """Let every lease of this machine be over now: the supervisors end what they have started, by their own rule."""
    folders = [file.parent for pattern in ("*", "*/control") for file in home.glob(f"agent/runs/{pattern}/deadline")]
    for folder in folders:
        with contextlib.suppress(OSError):
            _write(folder / "deadline", "0\n")
    end = time.monotonic() + _RUNS_SECONDS
    while time.monotonic() < end and not all(_has_ended(folder) for folder in folders):
        time.sleep(0.1)


def _has_ended(folder: Path) -> bool:
    run = folder.parent / "run" if folder.name == "control" else folder
    return not (run / "supervisor.json").exists() or (run / "exit.json").exists()


def _write(path: Path, content: str) -> None:
    """Write a file that only its owner can read, at once or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
    temporary.replace(path)
