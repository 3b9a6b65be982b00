"""The life of a launcher: import, then pass requests on to supervisors until there are no more.

The first process of a container does not fork: with it the container would end.
"""

import os
import sys

from orris_agent.launcher import arenas, noticing, preloading
from orris_agent.launcher.imported import Imported
from orris_agent.launcher.lines import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def serve(requests: int, replies: int) -> None:
    """Answer requests until there are no more, and end the process. Raises Begin in the fork that is a program."""
    sys.argv = [""]
    lines = lines_of(requests)
    imported = _import(next(lines).split(), requests, replies)
    from orris_agent.launcher.supervising import supervise_one
    from orris_agent.launcher.supervisors import Supervisors

    if os.getpid() == 1:
        for line in lines:
            supervise_one(line, replies, imported)
        os._exit(0)
    supervisors = Supervisors(replies, imported)
    for line in lines:
        supervisors.give(line)
    os._exit(0)


def _import(names: "list[str]", requests: int, replies: int) -> Imported:
    """Import what runs will, and reply that it is done. What this leaves nowhere else, no fork must let go of."""
    own = {name for name in sys.modules if name.partition(".")[0] == "orris_agent"}
    before = set(sys.modules)
    own_variables = _set_at_start()
    aside = arenas.set_aside() if os.getpid() != 1 else []  # a container's may be small, and its launcher forks once
    noticing.begin()
    try:
        if names:
            preloading.preload(names)
    except preloading.UnfitError as unfit:
        _reply(replies, {"unfit": unfit.module, "why": unfit.why})
        os._exit(0)
    variables, written = noticing.end()
    del aside
    written.update(own_variables)
    modules = set(sys.modules) - own
    imported = Imported(modules, _descriptors() - {requests, replies}, written)
    # Only now: all that is not in `modules` is this program's.
    from orris_agent.launcher import supervising, supervisors, titles  # noqa: F401

    loaded = sorted({name.partition(".")[0] for name in modules - before})
    ready = {"ready": titles.can_retitle(), "loaded": loaded, "variables": sorted(variables), "memory": _memory()}
    _reply(replies, ready)
    supervising.prepare_to_fork()
    imported.own = set(sys.modules) - modules
    return imported


def _reply(replies: int, message: "dict[str, Any]") -> None:
    import json

    os.write(replies, json.dumps(message).encode() + b"\n")


def _descriptors() -> "set[int]":
    names = os.listdir("/proc/self/fd")
    return {int(name) for name in names if os.path.exists("/proc/self/fd/" + name)}


def _set_at_start() -> "dict[str, str | None]":
    """Return the variables that the interpreter has set itself (PEP 538: LC_CTYPE), as it will in every run."""
    with open("/proc/self/environ", "rb") as file:
        given = {os.fsdecode(each.partition(b"=")[0]) for each in file.read().split(b"\0")}
    return {name: value for name, value in os.environ.items() if name not in given}


def _memory() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
