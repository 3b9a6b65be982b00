"""Importing what runs will import, and seeing whether that may be done before them.

An import may be done early when nobody can tell afterwards. One that prints, starts threads or processes, or changes
what belongs to the whole process would be seen in the wrong run, or in none; one that draws numbers by chance, or asks
for what only its process has, would have all runs go by the same answer.
"""

import os
import sys

from orris_agent.launcher import asking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

# These keep threads, devices or connections of their own, and do not work in a fork.
NEVER = frozenset(["cupy", "grpc", "jax", "mpi4py", "pycuda", "pyspark", "ray", "tensorflow", "torch", "vllm"])


class UnfitError(Exception):
    """A module that a run must import itself."""

    def __init__(self, module: str, why: str) -> None:
        super().__init__(module, why)
        self.module = module
        self.why = why


def preload(names: "Iterable[str]") -> None:
    """Import modules by name, in their order. `package.name?` is imported where it is a module and not an attribute.

    Raises UnfitError.
    """
    asking.begin()
    try:
        _preload(names)
    finally:
        asking.end()


def _preload(names: "Iterable[str]") -> None:
    state = _state()
    for name in names:
        if name.partition(".")[0].rstrip("?") in NEVER:
            continue
        try:
            _import(name)
        except ImportError:
            pass  # not installed, or an attribute: the run's own import will tell
        except BaseException as error:
            raise UnfitError(name.rstrip("?"), "its import fails: %s" % type(error).__name__)
        changed = asking.asked() or _difference(state, _state())
        if changed:
            raise UnfitError(name.rstrip("?"), changed)


def _import(name: str) -> None:
    if name.endswith("?"):
        parent, _, attribute = name[:-1].rpartition(".")
        if parent not in sys.modules or hasattr(sys.modules[parent], attribute):
            return
        name = name[:-1]
    __import__(name)


def _state() -> "dict[str, Any]":
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    umask = os.umask(0o022)
    os.umask(umask)
    signal = sys.modules["_signal"]
    return {
        "its import prints": (os.fstat(1).st_size, os.fstat(2).st_size),
        "its import starts threads": _threads(),
        "its import starts processes": _has_children(),
        "its import changes the working directory": os.getcwd(),
        "its import changes the umask": umask,
        "its import changes signal handlers": [signal.getsignal(number) for number in range(1, signal.NSIG)],
        "its import replaces standard streams": (sys.stdin, sys.stdout, sys.stderr),
        "its import seeds what numbers are drawn from, or draws some": asking.is_drawn(),
        "its import opens files": asking.files(),
    }


def _difference(before: "dict[str, Any]", after: "dict[str, Any]") -> "str | None":
    return next((what for what in before if before[what] != after[what]), None)


def _threads() -> int:
    threading = sys.modules.get("threading")
    return threading.active_count() if threading else 1


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return True
    except ChildProcessError:
        return False
