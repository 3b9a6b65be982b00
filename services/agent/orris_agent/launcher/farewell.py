"""How the fork that was a program ends: as an interpreter does, but for taking apart the libraries it was born with.

To destroy what all forks share costs more than most runs: each object that is touched has its page copied first. So
the program's own modules are cleared, cycles of its own objects collected, what is open is flushed, and that is it.
"""

import atexit
import gc
import io
import os
import sys

from orris_agent.supervisor.system import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orris_agent.launcher.imported import Imported
    from orris_agent.launcher.program import Program

CAN_FREEZE = hasattr(gc, "freeze")  # new in Python 3.7
FLUSH_FAILED = 120  # what an interpreter ends with that cannot write its last words


class Farewell:
    """The last exit handler of all: it has to be made before any library registers its own."""

    def __init__(self) -> None:
        self.program = None  # type: Program | None
        atexit.register(self._end)

    def _end(self) -> None:
        if self.program is None:
            return
        program, status = self.program, self.program.status
        _clear(program)
        if not _flush(program):
            status = FLUSH_FAILED
        if status < 0:
            signal.signal(-status, signal.SIG_DFL)
            os.kill(os.getpid(), -status)
        os._exit(status)


def status_of(error: BaseException) -> int:
    """Return how a process ends that an exception ends: its exit code, or its signal as a negative number."""
    if isinstance(error, KeyboardInterrupt):
        return -signal.SIGINT if sys.version_info >= (3, 8) else 1
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def _clear(program: "Program") -> None:
    """Let go of what the program has made, as far as it is found by its own modules."""
    for module in [*_own_modules(program.imported), sys.modules.get("__main__")]:
        names = getattr(module, "__dict__", None)
        if type(names) is not dict:  # a class may stand for a module, as typing.io does
            continue
        for name in [name for name in names if name != "__builtins__"]:
            names[name] = None
    # Where nothing can be frozen, what is old is the launcher's, as long as nothing has grown old since.
    gc.collect(2 if CAN_FREEZE or program.has_grown_old() else 1)


def _own_modules(imported: "Imported") -> "list[Any]":
    """Return the modules that the program has imported itself, which are the last ones: others are not touched."""
    last = []  # type: list[tuple[str, Any]]
    while sys.modules and [name for name, _ in last[-2:]] != imported.last:
        last.append(sys.modules.popitem())
    others = len(sys.modules) + 2
    sys.modules.update(reversed(last))
    if others != len(imported.modules):  # some of the others were removed, or are not where they were
        last = list(sys.modules.items())
    return [module for name, module in last if name not in imported.modules]


def _flush(program: "Program") -> bool:
    """Write what is still in buffers, of files that a library holds open too; return whether the last words got out."""
    # To look at all objects has the memory of all copied, where they cannot be frozen.
    for each in gc.get_objects() if CAN_FREEZE or program.has_open_files() else ():
        if isinstance(each, (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)) and not each.closed:
            try:
                each.flush()
            except (OSError, ValueError):
                pass
    for original in (sys.__stdout__, sys.__stderr__):
        try:
            if original is not None:
                original.flush()
        except Exception:
            pass  # closed, or told below
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        return True
    except Exception:
        return False
