"""What it means that a process which works for a run is gone: whose fault that is, and what the run is told."""

import re

import ray

# What becomes of a call when the process, or its machine with the result, is gone.
LOST = (
    ray.exceptions.RayActorError,
    ray.exceptions.NodeDiedError,
    ray.exceptions.ObjectLostError,
    ray.exceptions.OutOfMemoryError,
    ray.exceptions.WorkerCrashedError,
)
_ON_MACHINES_THAT_STAY = 3
_IN_ALL = 10
_WHY_CHARACTERS = 400


class Losses:
    """Tells the run of each machine where something was lost. tell: is given a message."""

    def __init__(self, tell):
        self._tell = tell
        self._told = {}

    def note(self, member, error):
        """Tell of a process that is gone, where nothing like it was told of its machine; return whether that is gone.

        Ray may know of the process first, and of its machine some seconds later.
        """
        text = str(error)
        nodes = [node for node in ray.nodes() if node["NodeID"] == member.machine or node["NodeID"] in text]
        dead = [node["DeathReasonMessage"] or why(error) for node in nodes if not node["Alive"]]
        name = member.host or next((node["NodeManagerHostname"] for node in nodes), _address(text))
        if dead:
            message = "a machine of the cluster was lost, %s: %s" % (name, dead[0])
        else:
            message = "a worker was lost on %s: %s" % (name, why(error))
        what = (nodes[0]["NodeID"] if nodes else name, bool(dead))
        if self._told.setdefault(what, message) is message:
            self._tell(message + "; its work is done by others")
        return bool(dead)


def check_work(lost, error):
    """Raise RuntimeError if some work has lost so many processes that it is the work that ends them.

    Where the machine was lost as well, that is hardly the work's fault.
    """
    gone = {node["NodeID"] for node in ray.nodes() if not node["Alive"]}
    if len(lost) >= _IN_ALL or sum(member.machine not in gone for member in lost) >= _ON_MACHINES_THAT_STAY:
        hosts = ", ".join(sorted({member.host for member in lost}))
        message = "%d workers ended as they did the same work, on %s: %s; with fewer jobs, each has more memory"
        raise RuntimeError(message % (len(lost), hosts, why(error))) from error


def why(error):
    """Return what Ray says, in a line, without the numbers that it gives its processes."""
    lines = [line.strip() for line in str(error).splitlines() if not re.match(r"\t\w+: ", line)]
    return " ".join(line for line in lines if line)[:_WHY_CHARACTERS].rstrip(".")


def _address(text):
    found = re.search(r"\tip: (\S+)", text)
    return found.group(1) if found else "a machine that Ray does not name"
