"""Starting the run's main process."""

import errno
import os

from orris_agent.supervisor.signals import reset_signals
from orris_agent.supervisor.system import die_with_parent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class CannotStart(Exception):
    """The run's command cannot be started; the message names the file and the reason."""


def start_program(folder: str, command: "dict[str, Any]") -> int:
    """Start the run's main process in a session of its own and return its pid. Raises CannotStart."""
    log = open_log(folder)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_program(command, log)
        except Exception as error:
            known = isinstance(error, CannotStart)
            tell_failure(
                write_end, error if known else CannotStart("cannot start %s: %s" % (command["argv"][0], error))
            )
        os._exit(127)
    os.close(write_end)
    os.close(log)
    wait_until_begun(pid, read_end)
    return pid


def wait_until_begun(pid: int, read_end: int) -> None:
    """Return when a process begins with its program, and has closed its end of a pipe. Raises CannotStart."""
    with open(read_end, "rb") as pipe:
        failure = pipe.read()  # ends with exec: the descriptors close
    if failure:
        os.waitpid(pid, 0)
        raise CannotStart(failure.decode("utf-8", "replace"))


def tell_failure(write_end: int, error: Exception) -> None:
    """Tell who waits at the other end of the pipe why this process cannot begin with its program."""
    os.write(write_end, str(error).encode("utf-8", "backslashreplace")[:4000])


def open_log(folder: str) -> int:
    """Return a descriptor of the file that has what the run prints."""
    return os.open(os.path.join(folder, "std_log.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def arguments(command: "dict[str, Any]") -> "tuple[list[bytes], dict[bytes, bytes]]":
    """Return arguments and variables of the main process."""
    variables = {_bytes(name): _bytes(value) for name, value in command["env"].items()}
    return [_bytes(word) for word in command["argv"]], variables


def give_streams(log: int) -> None:
    """Let this process read nothing, and print to the log, whose descriptor is closed."""
    null = os.open(os.devnull, os.O_RDONLY)
    for source, place in ((null, 0), (log, 1), (log, 2)):
        os.dup2(source, place)
    os.close(null)
    os.close(log)


def enter(folder: str) -> None:
    """Change to the main process's working directory. Raises CannotStart."""
    try:
        os.chdir(_bytes(folder))
    except OSError as error:
        raise CannotStart("cannot enter the working directory %s: %s" % (folder, error.strerror)) from error


def _become_program(command: "dict[str, Any]", log: int) -> None:
    os.setsid()
    die_with_parent()  # without its supervisor nobody would end it
    os.umask(0o022)
    reset_signals()
    give_streams(log)
    enter(command["cwd"])
    _execute(*arguments(command))


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
