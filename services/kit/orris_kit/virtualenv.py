"""Make a virtual environment from a lock, once, wherever on a machine it is asked for."""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from orris_kit import uv
from orris_kit.environment_folder import MARKER, is_ready, make_once, python_of, remove
from orris_kit.process import Log

__all__ = ["MARKER", "Calls", "LinkMode", "is_ready", "make", "python_of", "remove"]

# How uv puts the files of its cache into an environment. "clone": reflinks where the file system has them, else hard
# links; "copy": nothing shared with the cache, at five to ten times the time.
LinkMode = Literal["clone", "copy"]


def make(
    folder: Path,
    interpreter: Path,
    requirements: str,
    image_id: str,
    log: Log,
    *,
    environ: Mapping[str, str],
    link_mode: LinkMode = "clone",
    compile_bytecode: bool = False,
    allow_source_builds: bool = False,
    index_arguments: Sequence[str] = (),
    timeout: float = 1800,
    cancel: threading.Event | None = None,
) -> Path:
    """Make `folder` (its name is the image id) from `interpreter` and hashed `requirements`, unless it is ready;
    return it.

    Many may ask at once, threads and processes: one makes, the others wait. uv's progress goes to `log`. `timeout` is
    in seconds.

    Raises FailedPrecondition when the lock cannot be installed, Unavailable when an index did not answer,
    ResourceExhausted (DISK_FULL), DeadlineExceeded when it took too long, Cancelled when `cancel` was set.
    """

    def fill(work: Path, lock: int) -> None:
        calls = Calls(work, environ, timeout, log, cancel, lock)
        calls.uv("venv", "--quiet", "--relocatable", "--no-project", "--python", str(interpreter), str(work))
        calls.install(requirements, link_mode, compile_bytecode, allow_source_builds, index_arguments)

    return make_once(folder, image_id, fill, log, timeout, cancel)


class Calls:
    """The calls of uv that make one environment: they share its folder, one allowance of time, and its lock.

    A uv whose caller was killed works on for a while; until it ends, the lock is its own.
    """

    def __init__(
        self, work: Path, environ: Mapping[str, str], timeout: float, log: Log, cancel: threading.Event | None,
        lock: int,
    ) -> None:  # fmt: skip
        self.work, self.environ, self.cancel, self.lock = work, environ, cancel, lock
        self.log = lambda line: (
            None if work.name in line else log(line)
        )  # its name while it is made tells nobody anything
        self._end = time.monotonic() + timeout

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return max(1.0, self._end - time.monotonic())

    def uv(self, *arguments: str) -> None:
        """Call uv. Raises what `uv.not_installed` says, DeadlineExceeded, Cancelled."""
        finished = uv.run(
            arguments, environ=self.environ, cwd=self.work.parent, timeout=self.left, log=self.log, cancel=self.cancel,
            pass_fds=(self.lock,),
        )  # fmt: skip
        if finished.exit_code != 0:
            raise uv.not_installed(finished)

    def install(
        self, requirements: str, link_mode: LinkMode, compile_bytecode: bool, builds: bool, index: Sequence[str]
    ) -> None:
        """Install hashed requirements for the environment's own Python. Raises what `uv` raises."""
        if not requirements.strip():
            return
        lock = self.work / "requirements.txt"
        lock.write_text(requirements, encoding="utf-8")
        wanted = ["--python", str(python_of(self.work)), "--require-hashes", "--no-deps", "--requirements", str(lock)]
        wanted += ["--link-mode", link_mode, *(["--compile-bytecode"] if compile_bytecode else [])]
        wanted += [] if builds else ["--no-build"]
        self.uv("pip", "install", *wanted, *index)
