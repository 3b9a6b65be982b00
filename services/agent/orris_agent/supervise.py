"""Supervise one run: `python -I -S -B supervise.py RUN_FOLDER`.

Starts what command.json in the folder says, ends it when it must end, and records how it ended in exit.json. The
command returns as soon as the supervisor stands on its own (a session of its own, nobody's child) and supervisor.json
names it; it fails, with the reason on stderr, when that cannot be. A folder is executed once: for one that has a
supervisor.json the command does nothing. The files are described in ARCHITECTURE.md, "The folder of a run".

Standard library only, Python 3.6 syntax. What would cost milliseconds to import is avoided or imported late.
On Linux everything the run starts is found and ended, wherever it hides. Elsewhere that holds for what stays in the
main process's group or keeps its parents.
"""

import errno
import fcntl
import os
import select
import sys
import time

TYPE_CHECKING = False  # importing typing takes longer than all of this
if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator
    from typing import Any
else:
    try:
        import _signal as signal  # the `signal` module around it imports enum: 5 ms
    except ImportError:
        import signal

LINUX = sys.platform.startswith("linux")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLOCK = getattr(time, "CLOCK_BOOTTIME", 7) if LINUX else time.CLOCK_MONOTONIC  # the name is new in Python 3.7

GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL when a run is ended
LEFTOVER_GRACE_SECONDS = 1.0  # the same for what a finished main process left behind
LOOK_SECONDS = 1.0  # how often the deadline is read


class CannotStart(Exception):
    """The run's command cannot be started; the message names the file and the reason."""


class Run:
    """The run's processes and the reasons to end them."""

    def __init__(self, folder: str, command: "dict[str, Any]") -> None:
        self.folder = folder
        self.command = command
        self.limit = command.get("time_limit_seconds")  # type: float | None
        self.pid = 0
        self.status = None  # type: int | None  # as waitpid gives it
        self.cancel_requested = False
        self.lease_end = None  # type: float | None  # seconds of CLOCK
        self.start_time = self.end_time = time.time()
        self.started_at = time.monotonic()
        self.wakeup = _catch_signals(self._cancel)

    def _cancel(self) -> None:
        self.cancel_requested = True

    def start(self) -> None:
        self.start_time, self.started_at = time.time(), time.monotonic()
        self.pid = start_main(self.folder, self.command)

    def reason_to_end(self) -> "str | None":
        """Say why the run must end now, if it must."""
        if self.cancel_requested:
            return "canceled"
        if self._lease_seconds() <= 0:
            return "lease_lost"
        if self._limit_seconds() <= 0:
            return "time_limit"
        return None

    def _limit_seconds(self) -> float:
        return float("inf") if self.limit is None else self.started_at + self.limit - time.monotonic()

    def _lease_seconds(self) -> float:
        try:
            with open(os.path.join(self.folder, "deadline")) as file:
                end = float(file.read())
            self.lease_end = end if end == end else self.lease_end
        except FileNotFoundError:
            self.lease_end = None
        except (OSError, ValueError):
            pass  # what cannot be read changes nothing: the last deadline holds
        return float("inf") if self.lease_end is None else self.lease_end - time.clock_gettime(CLOCK)

    def watch(self) -> "str | None":
        """Return when the main process has ended (None) or must be ended (the reason)."""
        while True:
            self.reap()
            if self.status is not None:
                return None
            reason = self.reason_to_end()
            if reason:
                return reason
            self._sleep(min(LOOK_SECONDS, self._lease_seconds(), self._limit_seconds()))

    def reap(self) -> bool:
        """Collect processes that ended; return whether any of the run's are left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                # A subreaper without children has no descendants either.
                return not LINUX and bool(descendants(self.pid))
            if pid == 0:
                return True
            if pid == self.pid:
                self.status, self.end_time = status, time.time()

    def end(self, grace: float) -> None:
        """End all processes of the run: SIGTERM, SIGKILL after `grace` seconds, until none is left."""
        if grace and self.reap():
            for pid in descendants(self.pid):
                _send(pid, signal.SIGTERM)
                _send(pid, signal.SIGCONT)
            until = time.monotonic() + grace
            while self.reap() and time.monotonic() < until and self._lease_seconds() > 0:
                self._sleep(min(until - time.monotonic(), LOOK_SECONDS))
        while self.reap():
            frozen = set()
            fresh = descendants(self.pid)
            while fresh:  # what is stopped cannot start more
                for pid in fresh:
                    _send(pid, signal.SIGSTOP)
                frozen |= fresh
                fresh = descendants(self.pid) - frozen
            for pid in frozen:
                _send(pid, signal.SIGKILL)
            self._sleep(0.05)

    def _sleep(self, seconds: float) -> None:
        """Wait for a signal, at most `seconds`."""
        if select.select([self.wakeup], [], [], max(seconds, 0.0))[0]:
            os.read(self.wakeup, 4096)


def _catch_signals(cancel: "Callable[[], None]") -> int:
    """Call `cancel` on SIGTERM; return a descriptor that becomes readable with every signal."""
    wakeup, write_end = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(write_end, False)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: cancel())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    signal.set_wakeup_fd(write_end)
    return wakeup


# Starting the main process


def start_main(folder: str, command: "dict[str, Any]") -> int:
    """Start the run's main process in a session of its own and return its pid; CannotStart otherwise."""
    log = os.open(os.path.join(folder, "std_log.txt"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _become_main(command, log)
        except BaseException as error:
            known = isinstance(error, CannotStart)
            message = str(error) if known else "cannot start %s: %s" % (command["argv"][0], error)
            os.write(write_end, message.encode("utf-8", "backslashreplace")[:4000])
        finally:
            os._exit(127)
    os.close(write_end)
    os.close(log)
    with open(read_end, "rb") as pipe:
        failure = pipe.read()  # ends with exec: the descriptors close
    if failure:
        os.waitpid(pid, 0)
        raise CannotStart(failure.decode("utf-8", "replace"))
    return pid


def _become_main(command: "dict[str, Any]", log: int) -> None:
    os.setsid()
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # without its supervisor nobody would end it
    os.umask(0o022)
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # SIGKILL, SIGSTOP and the two that libc keeps
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    argv = [_bytes(word) for word in command["argv"]]
    env = {_bytes(name): _bytes(value) for name, value in command["env"].items()}
    try:
        os.chdir(_bytes(command["cwd"]))
    except OSError as error:
        raise CannotStart("cannot enter the working directory %s: %s" % (command["cwd"], error.strerror)) from error
    _execute(argv, env)


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


# Processes


def descendants(main: int) -> "set[int]":
    """Return the pids of what this process started, directly or not (elsewhere than on Linux also `main`'s group)."""
    children = {}  # type: dict[int, list[int]]
    found = set()  # type: set[int]
    for pid, parent, group in processes():
        children.setdefault(parent, []).append(pid)
        if group == main and not LINUX:  # a subreaper has them all among its descendants
            found.add(pid)
    todo = [os.getpid()] + list(found)
    while todo:
        for pid in children.pop(todo.pop(), ()):
            found.add(pid)
            todo.append(pid)
    return found


def processes() -> "Iterator[tuple[int, int, int]]":
    """Yield pid, parent and process group of what runs; what has ended and waits to be reaped is left out."""
    if not LINUX:
        import subprocess

        for line in subprocess.check_output(["ps", "-axo", "pid=,ppid=,pgid=,stat="]).decode().splitlines():
            row = line.split()
            if not row[3].startswith("Z"):
                yield int(row[0]), int(row[1]), int(row[2])
        return
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                state, parent, group = stat_fields(int(name))[:3]
            except OSError:
                continue
            if state not in (b"Z", b"X"):
                yield int(name), int(parent), int(group)


def stat_fields(pid: int) -> "list[bytes]":
    """Return the fields of /proc/PID/stat from the third (state) on."""
    with open("/proc/%d/stat" % pid, "rb") as file:
        return file.read().rpartition(b")")[2].split()


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass  # it has ended, or is another user's: then it is seen again and tried again


def _prctl(option: int, value: int) -> None:
    if LINUX:
        import ctypes

        if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl(%d)" % option)


# The files of the folder


def read_command(folder: str) -> "dict[str, Any]":
    """Read command.json and refuse one that is not what ARCHITECTURE.md says."""
    with open(os.path.join(folder, "command.json"), encoding="utf-8") as file:
        command = _parse_json(file.read())
    argv, env, limit = command.get("argv"), command.get("env"), command.get("time_limit_seconds")
    if not (isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)):
        raise ValueError("command.json: argv must be a list of strings, the first of them the program")
    if not (isinstance(env, dict) and all(isinstance(value, str) for value in env.values())):
        raise ValueError("command.json: env must be an object of strings")
    if not isinstance(command.get("cwd"), str):
        raise ValueError("command.json: cwd must be a string")
    if limit is not None and not (isinstance(limit, (int, float)) and limit >= 0):
        raise ValueError("command.json: time_limit_seconds must be a number, not negative, or null")
    return command


def _parse_json(text: str) -> "dict[str, Any]":
    class Settings:
        strict = True
        object_hook = object_pairs_hook = None
        parse_float = parse_constant = float
        parse_int = int

    try:  # the C half of `json`; the Python half imports `re`: 9 ms
        import _json

        scan = _json.make_scanner(Settings)  # type: ignore[arg-type]
        return dict(scan(text.strip(), 0)[0])
    except Exception:
        import json

        return dict(json.loads(text))


def write_file(folder: str, name: str, content: bytes) -> None:
    """Write a file so that it is there completely or not at all. On a full disk this waits for room.

    `.NAME` may exist already (see reserve): it is overwritten in place and keeps its size.
    """
    temporary = os.path.join(folder, "." + name)
    while True:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                content = content.ljust(os.fstat(descriptor).st_size)
                if os.write(descriptor, content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(temporary, os.path.join(folder, name))
            break
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(1.0)
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def reserve(folder: str, name: str) -> None:
    """Take the room that write_file will need, so that a run which fills the disk can still be recorded."""
    descriptor = os.open(os.path.join(folder, "." + name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, b" " * 8192)
    os.close(descriptor)


def record(run: Run, reason: "str | None", message: str) -> None:
    """Write exit.json."""
    code = number = None
    if run.status is not None:
        number = os.WTERMSIG(run.status) if os.WIFSIGNALED(run.status) else None
        code = os.WEXITSTATUS(run.status) if number is None else None
    if number == signal.SIGKILL and not (reason or message):
        message = "ended by SIGKILL from outside: the machine may have run out of memory"
    import json
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {
        "exit_code": code,
        "signal": number,
        "reason": reason,
        "message": message[:4000],
        "start_time": run.start_time,
        "end_time": run.end_time,
        "max_rss_bytes": used.ru_maxrss * (1024 if LINUX else 1),
        "cpu_seconds": used.ru_utime + used.ru_stime,
    }
    write_file(run.folder, "exit.json", json.dumps(result).encode() + b"\n")


# The story


def execute(run: Run) -> "tuple[str | None, str]":
    """Execute the run to its end; return the reason that ended it, if not itself, and a message."""
    reason = run.reason_to_end()
    if reason is None:
        try:
            run.start()
        except CannotStart as error:
            return "start_failed", str(error)
        except OSError as error:
            return "start_failed", "cannot start the run: %s" % error
        import json  # noqa: F401  now, while the run starts, and not when its end is waited for
        import resource  # noqa: F401

        reason = run.watch()
    if reason is None:
        run.end(LEFTOVER_GRACE_SECONDS)
        return None, ""
    run.end(0.0 if reason == "lease_lost" else GRACE_SECONDS)
    messages = {
        "canceled": "canceled",
        "time_limit": "ended because it ran longer than its limit of %s seconds" % run.limit,
        "lease_lost": "ended because its machine lost contact and its lease ran out",
    }
    return reason, messages[reason]


def take_over(folder: str) -> "Run | None":
    """Become the supervisor of the run in `folder`; None when it has or had one."""
    lock = os.open(folder, os.O_RDONLY)
    locked = False
    while not locked:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held for life
            locked = True
        except BlockingIOError:
            time.sleep(0.01)  # another supervisor is about to write its file
        if os.path.exists(os.path.join(folder, "supervisor.json")):
            return None
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    run = Run(folder, read_command(folder))
    ticks = int(stat_fields(os.getpid())[19]) if LINUX else 0
    reserve(folder, "exit.json")
    write_file(folder, "supervisor.json", b'{"pid": %d, "start_ticks": %d}\n' % (os.getpid(), ticks))
    return run


def conduct(run: Run) -> None:
    """Execute the run and record how it ended, also when the supervisor itself fails."""
    try:
        reason, message = execute(run)
    except BaseException:
        import traceback

        reason, message = None, "the supervisor failed: " + traceback.format_exc()
        run.end(0.0)
    record(run, reason, message)


def _detach(keep: int) -> None:
    """Leave the session, the directory and the open files of whoever started this."""
    os.setsid()
    os.umask(0o077)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    names = "/proc/self/fd" if LINUX else "/dev/fd"
    for number in [int(name) for name in os.listdir(names)]:
        if number > 2 and number != keep:
            try:
                os.close(number)
            except OSError:
                pass  # the one that listed them


def _become_supervisor(folder: str, tell_launcher: int) -> None:
    run = None
    try:
        _detach(tell_launcher)
        run = take_over(folder)
    except BaseException as error:
        message = "%s: %s" % (type(error).__name__, error)
        os.write(tell_launcher, message.encode("utf-8", "backslashreplace")[:4000])
    os.close(tell_launcher)
    if run is not None:
        conduct(run)


def main() -> int:
    """Launch the supervisor and wait until it has taken over."""
    if len(sys.argv) != 2:
        print("usage: supervise.py RUN_FOLDER", file=sys.stderr)
        return 2
    folder = os.path.abspath(sys.argv[1])
    read_end, write_end = os.pipe()
    if os.fork() == 0:
        try:
            _become_supervisor(folder, write_end)
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        failure = pipe.read().decode("utf-8", "replace")
    if failure:
        print("cannot supervise %s: %s" % (folder, failure), file=sys.stderr)
    return 1 if failure else 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # without the interpreter's farewell: 3 ms
