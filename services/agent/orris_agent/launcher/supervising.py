"""Forks of a launcher that become supervisors, and the forks of these that become their runs' programs."""

import gc
import json
import os
import sys

from orris_agent import supervisor
from orris_agent.launcher import anew, large_pages, titles
from orris_agent.launcher.begin import Begin
from orris_agent.launcher.forked import Forked
from orris_agent.launcher.imported import Imported
from orris_agent.launcher.program import Program
from orris_agent.launcher.zygote import Zygote
from orris_agent.supervisor import exit_record, usage  # noqa: F401  imported late by a supervisor, once here
from orris_agent.supervisor.command import parse_json
from orris_agent.supervisor.conduct import conduct
from orris_agent.supervisor.signals import Signals
from orris_agent.supervisor.system import c_library, signal
from orris_agent.supervisor.takeover import detach, take_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from orris_agent.supervisor.run import Run

_SUPERVISOR = os.path.join(os.path.dirname(os.path.abspath(supervisor.__file__)), "__main__.py")
_TITLE = [os.fsencode(word) for word in (sys.executable, "-I", "-S", "-B", _SUPERVISOR)]


def prepare_to_fork() -> None:
    """Leave ended forks to the kernel, and the memory of libraries shared by all forks, and cheap to share."""
    anew.set_signals()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    getattr(gc, "freeze", lambda: None)()  # new in Python 3.7
    c_library().prctl  # noqa: B018  found here, it need not be looked for in each fork
    if os.getpid() != 1:  # forks once
        large_pages.gather()


def supervise_all(lines: "Iterator[str]", keep: "set[int]", replies: int, idle: int, imported: Imported) -> None:
    """See to the runs of all requests, one after the other, and end this process. Raises Begin in forks for programs.

    `keep`: the descriptors that `lines` come from. `idle`: where is said that this process can see to another run.
    """
    zygote, signals = None, None
    for line in lines:
        request, run, failure = parse_json(line), None, ""
        try:
            zygote = zygote or _detached(keep | {replies, idle}, imported, forks=True)
            signals = signals or Signals()
            run = _take_over(request, zygote, signals)
        except Begin:
            raise
        except BaseException as error:
            failure = _told(error)
        _reply(replies, {"id": request["id"], "failure": failure})
        if run is not None:
            conduct(run)
            run.leave()
        if zygote is None or signals is None or not zygote.is_there():
            break
        titles.retitle(_TITLE)
        signals.rest()
        os.write(idle, b"%d\n" % os.getpid())
        _reply(replies, {"id": request["id"], "ended": True})
    os._exit(0)


def supervise_one(line: str, replies: int, imported: Imported) -> None:
    """See to one run as a container's first process, and end this process. Raises Begin in the fork for its program."""
    request, run, failure = parse_json(line), None, ""
    try:
        run = _take_over(request, _detached({replies}, imported, forks=False), Signals())
    except Begin:
        raise
    except BaseException as error:
        failure = _told(error)
    _reply(replies, {"id": request["id"], "failure": failure})
    os.close(replies)
    if run is not None:
        conduct(run)
    os._exit(0)


def _detached(keep: "set[int]", imported: Imported, forks: bool) -> Zygote:
    """Make this process a supervisor, above a zygote. Raises Begin in a program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    zygote = Zygote(forks)
    if not zygote.pid:
        raise Begin(Program(zygote.serve(_TITLE, imported), imported))
    detach(zygote.descriptors | keep)
    return zygote


def _take_over(request: "dict[str, Any]", zygote: Zygote, signals: Signals) -> "Run | None":
    folder, control = request["folder"], request.get("control", "")
    if not zygote.is_there():
        raise RuntimeError("the process that forks for programs has ended")
    titles.retitle(_TITLE + [os.fsencode(word) for word in (folder, control) if word])
    signals.heed()
    run = take_over(folder, control, signals)
    if run is not None:
        run.children = Forked(zygote, os.path.join(folder, "modules.txt") if request["learn"] else "")
    return run


def _told(error: BaseException) -> str:
    return ("%s: %s" % (type(error).__name__, error))[:2000]


def _reply(replies: int, message: "dict[str, Any]") -> None:
    try:
        os.write(replies, json.dumps(message).encode() + b"\n")
    except OSError:
        pass  # the agent has ended: the next one finds the run
