"""The process that becomes the supervisor of one run, and the fork of it that becomes the run's program."""

import gc
import json
import os
import sys

from orris_agent import supervisor
from orris_agent.launcher import anew, large_pages, titles
from orris_agent.launcher.program import Program
from orris_agent.launcher.serving import Begin, Imported
from orris_agent.launcher.waiting_fork import WaitingFork
from orris_agent.supervisor import exit_record, usage  # noqa: F401  imported late by a supervisor, once here
from orris_agent.supervisor.command import parse_json
from orris_agent.supervisor.conduct import conduct
from orris_agent.supervisor.system import c_library, signal
from orris_agent.supervisor.takeover import detach, take_over

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orris_agent.supervisor.run import Run

_SUPERVISOR = os.path.join(os.path.dirname(os.path.abspath(supervisor.__file__)), "__main__.py")


def prepare_to_fork() -> None:
    """Leave ended forks to the kernel, and the memory of libraries shared by all forks, and cheap to share."""
    anew.set_signals()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    getattr(gc, "freeze", lambda: None)()  # new in Python 3.7
    c_library().prctl  # noqa: B018  found here, it need not be looked for in each fork
    if os.getpid() != 1:  # forks once
        large_pages.gather()


def supervise(line: str, replies: int, imported: Imported) -> None:
    """See the run to its end, and end this process. Raises Begin in the fork that is its program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    run, fork, failure = None, None, ""
    try:
        fork = WaitingFork()
        if fork.pid:
            run = _take_over(parse_json(line), fork, {replies} | imported.descriptors)
    except BaseException as error:
        failure = "%s: %s" % (type(error).__name__, error)
    if fork is not None and not fork.pid:
        raise Begin(Program(fork, imported))
    try:
        os.write(replies, json.dumps({"id": parse_json(line)["id"], "failure": failure[:2000]}).encode() + b"\n")
    except OSError:
        pass  # the agent has ended: the next one finds the run
    os.close(replies)
    if run is not None:
        conduct(run)
    os._exit(0)


def _take_over(request: "dict[str, Any]", fork: WaitingFork, keep: "set[int]") -> "Run | None":
    folder, control = request["folder"], request.get("control", "")
    detach(fork.descriptors | keep)
    words = [sys.executable, "-I", "-S", "-B", _SUPERVISOR, folder] + [control] * bool(control)
    titles.retitle([os.fsencode(word) for word in words])
    run = take_over(folder, control)
    if run is not None:
        learn = os.path.join(folder, "modules.txt") if request["learn"] else ""
        run.start_program = lambda folder, command: fork.start(folder, command, learn)
    return run
