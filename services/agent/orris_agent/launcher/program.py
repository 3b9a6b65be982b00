"""A fork becomes what `python SCRIPT ARGUMENT…` would be; nothing but what it has imported tells one from the other."""

import gc
import os
import sys

from orris_agent.launcher import anew, titles
from orris_agent.launcher.farewell import status_of
from orris_agent.launcher.scripts import renamed
from orris_agent.supervisor.program import CannotStart, enter, give_streams, open_log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from orris_agent.launcher.imported import Imported
    from orris_agent.launcher.order import Order


class Program:
    """The script of a run."""

    def __init__(self, order: "Order", imported: "Imported") -> None:
        self._order = order
        self.imported = imported
        self.status = 0
        self._old_collections = _old_collections()
        self._pid = os.getpid()
        self._own = ""

    def begin(self) -> "tuple[CodeType, dict[str, Any]]":
        """Make everything as it is when an interpreter starts; return the script's code, and its namespace."""
        try:
            return self._begin(self._order)
        except CannotStart as error:
            self._order.failed(error)
            raise
        except Exception as error:
            self._order.failed(CannotStart("cannot start the program: %s" % error))
            raise

    def _begin(self, order: "Order") -> "tuple[CodeType, dict[str, Any]]":
        enter(order.cwd)
        give_streams(open_log(order.folder))
        script, *arguments = [os.fsdecode(word) for word in order.argv[1:]]
        path = os.path.abspath(script) if sys.version_info >= (3, 9) else script
        code = self._compiled(path)
        anew.set_variables(order.env, self.imported.written)
        titles.retitle(order.argv, order.env)
        sys.argv = [script, *arguments]
        if hasattr(sys, "orig_argv"):
            sys.orig_argv = [os.fsdecode(word) for word in order.argv]
        anew.refresh_libraries()
        self._own = os.path.dirname(os.path.realpath(script))
        if not getattr(sys.flags, "safe_path", False):
            sys.path.insert(0, self._own)
        main = anew.main_module(path)
        order.begun()
        return code, main

    def _compiled(self, path: str) -> "CodeType":
        """Return the script's code. Where it has none, become a fresh interpreter, which says so in its own words."""
        try:
            if self._order.code is not None:
                return renamed(self._order.code, path)
            with open(path, "rb") as file:
                return compile(file.read(), path, "exec", dont_inherit=True)
        except Exception:
            self._order.begun()
            os.execve(self._order.argv[0], self._order.argv, self._order.env)

    def end(self, error: "BaseException | None") -> None:
        """Note how the program ends; where it ends well, say what was imported if that is asked for."""
        self.status = 0 if error is None else status_of(error)
        if self.status or not self._order.learn or os.getpid() != self._pid:
            return
        names = [name for name, module in list(sys.modules.items()) if _is_installed(module, self._own)]
        try:
            with open(self._order.learn, "w", encoding="utf-8") as file:
                file.write("\n".join(names))
        except (OSError, ValueError):
            pass

    def has_grown_old(self) -> bool:
        """Tell whether objects of the program's may be among those that are collected last."""
        return _old_collections() != self._old_collections

    def has_open_files(self) -> bool:
        """Tell whether files are open for writing, other than what the program was given."""
        journal = anew.identity(os.path.join(self._order.env.get(b"ORRIS_RUN_FOLDER", b""), b"journal.jsonl"))
        return any(
            descriptor > 2 and anew.is_written(descriptor) and anew.identity(descriptor) != journal
            for descriptor in anew.descriptors()
        )


def _old_collections() -> int:
    """Return how often objects have been collected that were not young any more, or grew old with that."""
    return sum(each["collections"] for each in gc.get_stats()[1:])


def _is_installed(module: object, own: str) -> bool:
    origin = getattr(getattr(module, "__spec__", None), "origin", None)
    return isinstance(origin, str) and not origin.startswith(own + os.sep)
