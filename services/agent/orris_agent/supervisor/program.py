"""Starting the run's main process."""

import errno
import os

from orris_agent.supervisor.signals import reset_signals
from orris_agent.supervisor.system import die_with_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class CannotStart(Exception):
    """The run's command cannot be started; the message names the file and the reason."""


def start_program(
    folder: str,
    command: "dict[str, Any]",
    begin: "Callable[[list[bytes], dict[bytes, bytes]], None] | None" = None,
) -> int:
    """Start the run's main process in a session of its own and return its pid. Raises CannotStart.

    `begin` is called in the process with its arguments and variables, instead of executing a program. What it raises
    is let out where it is no Exception, as the process is a fork that goes on with something else then.
    """
    log = os.open(os.path.join(folder, "std_log.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_program(command, log, begin or _execute)
        except Exception as error:
            known = isinstance(error, CannotStart)
            message = str(error) if known else "cannot start %s: %s" % (command["argv"][0], error)
            os.write(write_end, message.encode("utf-8", "backslashreplace")[:4000])
        except BaseException:
            os.close(write_end)
            raise
        os._exit(127)
    os.close(write_end)
    os.close(log)
    with open(read_end, "rb") as pipe:
        failure = pipe.read()  # ends with exec: the descriptors close
    if failure:
        os.waitpid(pid, 0)
        raise CannotStart(failure.decode("utf-8", "replace"))
    return pid


def _become_program(
    command: "dict[str, Any]", log: int, begin: "Callable[[list[bytes], dict[bytes, bytes]], None]"
) -> None:
    os.setsid()
    die_with_parent()  # without its supervisor nobody would end it
    os.umask(0o022)
    reset_signals()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    argv = [_bytes(word) for word in command["argv"]]
    env = {_bytes(name): _bytes(value) for name, value in command["env"].items()}
    try:
        os.chdir(_bytes(command["cwd"]))
    except OSError as error:
        raise CannotStart("cannot enter the working directory %s: %s" % (command["cwd"], error.strerror)) from error
    begin(argv, env)


def _execute(argv: "list[bytes]", env: "dict[bytes, bytes]") -> None:
    name = argv[0]
    folders = [b""] if b"/" in name else env.get(b"PATH", os.defpath.encode()).split(b":")
    failure = "%s: it is not in PATH" % _show(name)
    for folder in folders:
        path = os.path.join(folder, name)
        try:
            os.execve(path, argv, env)
        except OSError as error:
            if b"/" in name or os.path.exists(path):
                failure = _explain(path, error)
    raise CannotStart("cannot start " + failure)


def _explain(path: bytes, error: OSError) -> str:
    reason = os.strerror(error.errno or 0)
    if error.errno == errno.ENOENT and os.path.exists(path):
        reason = "the interpreter or loader that it names does not exist"
    if error.errno == errno.ENOEXEC:
        reason = "it is neither a program of this machine nor a script with a #! line"
    return "%s: %s" % (_show(path), reason)


def _show(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
