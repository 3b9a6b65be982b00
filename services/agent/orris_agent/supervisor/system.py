"""What differs between operating systems, and what Python has no function for."""

import sys

TYPE_CHECKING = False  # importing typing takes longer than all of the supervisor
if TYPE_CHECKING:
    import signal
    from typing import Any
else:
    try:
        import _signal as signal  # the `signal` module around it imports enum: 5 ms
    except ImportError:
        import signal

__all__ = ["LINUX", "adopt_orphans", "boot_id", "c_library", "die_with_parent", "signal"]

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_c_library = []  # type: list[Any]
_boot_id = []  # type: list[str]


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose parent has ended (Linux only)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Have this process killed when its parent ends (Linux only)."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def boot_id() -> str:
    """Return what tells this start of the machine from every other; empty where the system does not say."""
    if not _boot_id:
        try:
            with open("/proc/sys/kernel/random/boot_id") as file:
                _boot_id.append(file.read().strip())
        except OSError:
            _boot_id.append("")
    return _boot_id[0]


def c_library() -> "Any":
    """Return the C library, looked up once."""
    if not _c_library:
        import ctypes

        _c_library.append(ctypes.CDLL(None, use_errno=True))
    return _c_library[0]


def _prctl(option: int, value: int) -> None:
    if LINUX and c_library().prctl(option, value, 0, 0, 0):
        import ctypes

        raise OSError(ctypes.get_errno(), "prctl(%d)" % option)
