"""The fork that becomes a run's program, made before its supervisor does anything else.

What a supervisor has written to is its own, and a fork of it must have its own as well: the later, the more is copied.
So the fork comes first, and waits to be told what to begin. If it never will be, it ends without a trace.
"""

import marshal
import os

from orris_agent.supervisor.program import CannotStart, arguments, tell_failure, wait_until_begun
from orris_agent.supervisor.system import die_with_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class WaitingFork:
    """Both ends of it: `pid` is 0 in the fork. Each end closes all descriptors of these but its own `descriptors`."""

    def __init__(self) -> None:
        self._supervisor = os.getpid()
        self._hear, self._tell = os.pipe()
        self._hear_failure, self._fail = os.pipe()
        self.pid = os.fork()
        self.descriptors = {self._tell, self._hear_failure} if self.pid else {self._hear, self._fail}

    def start(self, folder: str, command: "dict[str, Any]", learn: str) -> int:
        """Have the fork begin, as start_program has a new process do; return its pid. Raises CannotStart."""
        try:
            said = marshal.dumps((folder, command["cwd"], *arguments(command), learn))
        except ValueError as error:
            raise CannotStart("cannot start %r: %s" % (command["argv"][0], error)) from error
        with open(self._tell, "wb") as pipe:
            pipe.write(said)
        wait_until_begun(self.pid, self._hear_failure)
        return self.pid

    def end_with_supervisor(self) -> None:
        """Have the fork end when its supervisor does: nobody else would end it."""
        die_with_parent()
        if os.getppid() != self._supervisor:
            os._exit(0)

    def wait(self) -> "tuple[str, str, list[bytes], dict[bytes, bytes], str]":
        """Return in the fork what `start` was told, with arguments and variables as bytes; or end it."""
        with open(self._hear, "rb") as pipe:
            said = pipe.read()
        if not said:
            os._exit(0)
        folder, cwd, argv, env, learn = marshal.loads(said)
        return folder, cwd, argv, env, learn

    def begun(self) -> None:
        """Tell the supervisor that the program begins."""
        os.close(self._fail)

    def fail(self, error: Exception) -> None:
        """Tell the supervisor why the program cannot begin, and end the fork."""
        tell_failure(self._fail, error)
        os._exit(127)
