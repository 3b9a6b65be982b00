"""The processes of the run, found again and again at little cost."""

import os

from orris_agent.supervisor.system import LINUX
from orris_agent.supervisor.tree import descendants, stat_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orris_agent.supervisor.children import Children

_ROUNDS = 30  # between looks at everything: a pid may have been used again


class Members:
    """The processes of a run, found by those that its supervisor waits for.

    Who is one stays one, since orphans become children of the supervisor, and nobody becomes one later: so what has
    not been there before is all that must be looked at.
    """

    def __init__(self, children: "Children") -> None:
        self._children = children
        self._members = set()  # type: set[int]
        self._known = set()  # type: set[int]
        self._rounds = 0

    def find(self) -> "set[int]":
        """Return the pids of the run's processes; some may have ended."""
        if not LINUX:
            return self._all()
        there = {int(name) for name in os.listdir("/proc") if name.isdigit()}
        if self._rounds == 0:
            self._members = self._all()
            self._rounds = _ROUNDS
        else:
            self._rounds -= 1
            self._members &= there
            self._add(_parents(there - self._known))
        self._known = there
        return self._members

    def _all(self) -> "set[int]":
        return descendants(self._children.above, self._children.main)

    def _add(self, parents: "dict[int, int]") -> None:
        above = self._members | {self._children.above}
        found = {pid for pid, parent in parents.items() if parent in above}
        while found:
            self._members |= found
            found = {pid for pid, parent in parents.items() if parent in found} - self._members


def _parents(pids: "set[int]") -> "dict[int, int]":
    parents = {}
    for pid in pids:
        try:
            parents[pid] = int(stat_fields(pid)[1])
        except OSError:
            pass  # it has ended
    return parents
