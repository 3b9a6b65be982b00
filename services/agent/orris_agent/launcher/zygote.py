"""The process that programs are forks of: it does nothing else, so its memory stays as the imports have left it.

A supervisor writes to its memory. What it has written to, a fork of it would have to copy, and what it writes to while
a fork is there it copies itself: so it forks once, at its start, and this fork of it forks for each run that the
supervisor sees to, one after the other. What a program leaves behind becomes the zygote's, which waits for its end.

In a container, for which a launcher serves one run only, the zygote itself becomes the program.
"""

import marshal
import os
import resource  # noqa: F401  imported late by os.wait4, once here

from orris_agent.launcher import anew, titles
from orris_agent.launcher.order import Order
from orris_agent.launcher.scripts import Scripts
from orris_agent.supervisor.system import adopt_orphans, die_with_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orris_agent.launcher.imported import Imported


class Zygote:
    """Both ends of it: `pid` is 0 in the zygote, which is to `serve`. `forks`: whether it is there, and forks.

    Its supervisor gives it orders, and hears what becomes of them, a line each (see `Order` and `_wait`).
    """

    def __init__(self, forks: bool) -> None:
        self.forks = forks
        self._supervisor = os.getpid()
        hear, self._order = os.pipe()
        self.said, self._tell = os.pipe()
        self.pid = os.fork()
        self._orders = open(hear, "rb")
        if self.pid:
            self._orders.close()
            os.close(self._tell)
            os.set_blocking(self.said, False)

    @property
    def descriptors(self) -> "set[int]":
        """Those that this end needs."""
        return {self._order, self.said} if self.pid else {self._orders.fileno(), self._tell}

    def is_there(self) -> bool:
        """Say in the supervisor whether the zygote can be given an order."""
        try:
            return os.waitpid(self.pid, os.WNOHANG) == (0, 0)
        except ChildProcessError:
            return False

    def give(self, order: "tuple[str, str, list[bytes], dict[bytes, bytes], str]") -> None:
        """Have it begin what `Order` is made of. Raises OSError, ValueError."""
        said = memoryview(marshal.dumps(order))
        while said:
            said = said[os.write(self._order, said) :]

    def serve(self, title: "list[bytes]", imported: "Imported") -> Order:
        """Fork for each order; return it in the fork. End with the supervisor: nobody else would end the programs."""
        die_with_parent()
        if os.getppid() != self._supervisor:
            os._exit(0)
        os.umask(0o022)
        anew.close_descriptors({0, 1, 2} | self.descriptors | imported.descriptors)
        anew.forget_modules(imported.modules, imported.own)
        if self.forks:
            titles.retitle(title)
            adopt_orphans()
        scripts = Scripts()
        while True:
            try:
                order = Order(self._tell, *marshal.load(self._orders))
            except EOFError:
                os._exit(0)
            if self.forks:
                order.code = scripts.code_of(order.cwd, order.argv)
            zygote, pid = os.getpid(), os.fork() if self.forks else 0
            if pid == 0:
                self._orders.close()
                os.setsid()
                if self.forks:
                    die_with_parent()
                    if os.getppid() != zygote:
                        os._exit(0)
                return order
            del order
            self._wait(pid)

    def _wait(self, main: int) -> None:
        """Wait for a program and all that it leaves; tell of its end at once, and whether anything is left then."""
        status, seconds, largest, options = 0, 0.0, 0, 0
        while True:
            try:
                pid, how, used = os.wait4(-1, options)
            except ChildProcessError:
                break
            if pid == 0:
                self._ended(status, seconds, largest, True)
                options = 0
                continue
            seconds, largest = seconds + used.ru_utime + used.ru_stime, max(largest, used.ru_maxrss)
            if pid == main:
                status, options = how, os.WNOHANG
        self._ended(status, seconds, largest, False)

    def _ended(self, status: int, seconds: float, largest: int, left: bool) -> None:
        os.write(self._tell, b"ended %d %r %d %d\n" % (status, seconds, largest, left))
