"""How a process becomes the supervisor of a run."""

import fcntl
import os
import time

from orris_agent.supervisor.command import read_command
from orris_agent.supervisor.files import reserve, write_file
from orris_agent.supervisor.run import Run
from orris_agent.supervisor.system import LINUX, adopt_orphans, boot_id
from orris_agent.supervisor.tree import stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orris_agent.supervisor.signals import Signals

SUPERVISOR = "supervisor.json"


def detach(keep: "set[int]") -> None:
    """Leave the session, the directory and the open files of whoever started this, but for descriptors to `keep`."""
    if os.getsid(0) != os.getpid():  # the first process of a container leads one
        os.setsid()
    os.umask(0o077)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    names = "/proc/self/fd" if LINUX else "/dev/fd"
    for number in [int(name) for name in os.listdir(names)]:
        if number > 2 and number not in keep:
            try:
                os.close(number)
            except OSError:
                pass  # the one that listed them


def take_over(folder: str, control: str = "", signals: "Signals | None" = None) -> "Run | None":
    """Become the supervisor of the run in `folder`; None when it has or had one. `control`, `signals`: see Run."""
    lock = _lock(folder)
    run = None
    try:
        if not os.path.exists(os.path.join(folder, SUPERVISOR)):
            run = _taken_over(folder, control, signals, lock)
    finally:
        if run is None:
            os.close(lock)
    return run


def _taken_over(folder: str, control: str, signals: "Signals | None", lock: int) -> Run:
    adopt_orphans()
    run = Run(folder, read_command(control or folder), control, signals)
    run.lock = lock
    ticks = int(stat_fields(os.getpid())[19]) if LINUX else 0
    reserve(folder, "exit.json")
    identity = '{"pid": %d, "start_ticks": %d, "boot": "%s"}\n' % (os.getpid(), ticks, boot_id())
    # Where the machine's starts are told apart, the agent has noted durably in which of them the run may have begun.
    write_file(folder, SUPERVISOR, identity.encode(), synchronized=not boot_id())
    return run


def _lock(folder: str) -> int:
    """Lock the folder, unless another supervisor has taken the run over; return the lock's descriptor."""
    lock = os.open(folder, os.O_RDONLY)
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            pass
        if os.path.exists(os.path.join(folder, SUPERVISOR)):
            return lock
        time.sleep(0.01)  # another supervisor is about to write its file
