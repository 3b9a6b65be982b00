"""What a fork has from its parents and a fresh interpreter has not, and how it is made anew."""

import fcntl
import os
import sys
import types
from importlib.machinery import SourceFileLoader

from orris_agent.supervisor.signals import reset_signals
from orris_agent.supervisor.system import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def close_descriptors(keep: "set[int]") -> None:
    """Close all descriptors but those to keep."""
    for descriptor in descriptors() - keep:
        try:
            os.close(descriptor)
        except OSError:
            pass  # the one that listed them


def descriptors() -> "set[int]":
    """Return the descriptors that are open, and perhaps the one that listed them."""
    return {int(name) for name in os.listdir("/proc/self/fd")}


def identity(file: "bytes | int") -> "tuple[int, int] | None":
    """Return what tells a file from all others, by its path or a descriptor; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_written(descriptor: int) -> bool:
    """Tell whether something can be written to a descriptor."""
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    except OSError:
        return False


def set_variables(env: "dict[bytes, bytes]", written: "dict[str, str | None]") -> None:
    """Set the environment variables, and those that imports have set or removed as these have left them."""
    data = os.environ._data  # type: ignore[attr-defined]  # each call of its own methods runs through a page of Python
    for name in data:
        os.unsetenv(name)
    data.clear()
    for name, value in env.items():
        os.putenv(name, value)
    data.update(env)
    for text, setting in written.items():
        if setting is None:
            os.environ.pop(text, None)
        else:
            os.environ[text] = setting


def forget_modules(keep: "set[str]", own: "set[str]") -> None:
    """Forget modules that only the launcher has imported, which are its `own`: whoever imports them gets their own."""
    for name in own:
        sys.modules.pop(name, None)
    if len(sys.modules) > len(keep):  # to look at each name has the memory of all copied
        for name in set(sys.modules) - keep:
            del sys.modules[name]


def set_signals() -> None:
    """Handle signals as an interpreter does from its start that no signal was kept from."""
    reset_signals()
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def main_module(path: str) -> "dict[str, Any]":
    """Make the module `__main__` of a script; return its namespace."""
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __builtins__=sys.modules["builtins"],
        __file__=path,
        __cached__=None,
        __loader__=SourceFileLoader("__main__", path),
    )
    if sys.version_info < (3, 14):
        main.__dict__.update(__annotations__={})
    sys.modules["__main__"] = main
    if "__mp_main__" in sys.modules:
        sys.modules["__mp_main__"] = main
    return main.__dict__


def refresh_libraries() -> None:
    """Make anew what libraries make once for a process: randomness, the time of the start, the working directory."""
    for name, refresh in _REFRESH.items():
        if name in sys.modules:
            refresh(sys.modules[name])


def _logging(module: "Any") -> None:
    import time

    module._startTime = time.time_ns() if sys.version_info >= (3, 13) else time.time()


def _processes(module: "Any") -> None:
    module.ORIGINAL_DIR = os.path.abspath(os.getcwd())
    module.current_process().authkey = os.urandom(32)


def _threads(module: "Any") -> None:
    main = module.main_thread()
    if hasattr(main, "_set_native_id"):
        main._set_native_id()


# By the name of the module, which is passed.
_REFRESH = {
    "random": lambda module: module.seed(),
    "numpy.random": lambda module: module.seed(),
    "logging": _logging,
    "threading": _threads,
    "multiprocessing.process": _processes,
}  # type: dict[str, Any]
