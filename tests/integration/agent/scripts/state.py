"""Print, as JSON, what a program can see of the process that it runs in."""

import atexit
import decimal
import faulthandler
import gc
import json
import locale
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings


def stream(file):
    return {
        "name": file.name,
        "mode": file.mode,
        "encoding": file.encoding,
        "errors": file.errors,
        "line_buffering": file.line_buffering,
        "write_through": getattr(file, "write_through", None),
        "buffer": type(file.buffer).__name__,
        "isatty": file.isatty(),
        "fileno": file.fileno(),
    }


def read(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "surrogateescape")


def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass
    return found


def depth():
    frame, found = sys._getframe(), 0
    while frame:
        frame, found = frame.f_back, found + 1
    return found


def libraries():
    found = {}
    processes = sys.modules.get("multiprocessing.process")
    if processes:
        process = processes.current_process()
        found["process"] = [process.name, len(process.authkey), processes.ORIGINAL_DIR, process.daemon]
        found["start method"] = sys.modules["multiprocessing"].get_start_method(allow_none=True)
        found["main"] = sys.modules["__mp_main__"] is sys.modules["__main__"]
    logging = sys.modules.get("logging")
    if logging:
        found["logging"] = [
            repr(logging.getLogger().handlers),
            logging.getLogger().level,
            logging.lastResort is not None,
        ]
        found["logging started"] = abs(time.time() - logging._startTime) < 20
    numpy = sys.modules.get("numpy")
    if numpy:
        kind, _, position, has_gauss, _ = numpy.random.get_state()
        found["numpy"] = [kind, int(position), has_gauss, numpy.geterr(), numpy.get_printoptions()]
    sklearn = sys.modules.get("sklearn")
    if sklearn:
        found["sklearn"] = sklearn.get_config()
    return found


main = sys.modules["__main__"]
print(
    json.dumps(
        {
            "argv": sys.argv,
            "orig_argv": getattr(sys, "orig_argv", None),
            "main": {
                name: repr(value)
                for name, value in vars(main).items()
                if name.startswith("__") and name != "__builtins__"
            },
            "main is this": vars(main) is globals(),
            "builtins": repr(__builtins__),
            "path": sys.path,
            "flags": list(sys.flags),
            "warnoptions": sys.warnoptions,
            "executable": [sys.executable, sys.prefix, sys.base_prefix],
            "directory": os.getcwd(),
            "environment": dict(os.environ),
            "stdin": [stream(sys.stdin), sys.stdin.read()],
            "stdout": stream(sys.stdout),
            "stderr": stream(sys.stderr),
            "original streams": [
                sys.stdin is sys.__stdin__,
                sys.stdout is sys.__stdout__,
                sys.stderr is sys.__stderr__,
            ],
            "handlers": [str(signal.getsignal(number)) for number in range(1, signal.NSIG)],
            "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
            "wakeup": signal.set_wakeup_fd(-1),
            "timers": [signal.getitimer(signal.ITIMER_REAL), faulthandler.is_enabled()],
            "exit handlers": atexit._ncallbacks(),
            "filters": [repr(each) for each in warnings.filters],
            "warnings": [warnings.showwarning.__module__, repr(warnings.defaultaction)],
            "threads": [each.name for each in threading.enumerate()],
            "main thread": [
                threading.current_thread() is threading.main_thread(),
                threading.main_thread().ident == threading.get_ident(),
                getattr(threading.main_thread(), "native_id", os.getpid()) == os.getpid(),
            ],
            "umask": [os.umask(0o022), os.umask(0o022)],
            "limits": {
                name: resource.getrlimit(getattr(resource, name))
                for name in dir(resource)
                if name.startswith("RLIMIT_")
            },
            "locale": locale.setlocale(locale.LC_ALL),
            "encodings": [sys.getfilesystemencoding(), sys.getdefaultencoding(), locale.getpreferredencoding(False)],
            "recursion": [sys.getrecursionlimit(), sys.getswitchinterval()],
            "garbage": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
            "decimal": repr(decimal.getcontext()),
            "sockets": socket.getdefaulttimeout(),
            "hooks": [
                sys.excepthook is sys.__excepthook__,
                sys.displayhook is sys.__displayhook__,
                sys.gettrace(),
                sys.getprofile(),
            ],
            "meta path": [repr(each) for each in sys.meta_path],
            "path hooks": [repr(each) for each in sys.path_hooks],
            "descriptors": descriptors(),
            "session": [os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()],
            "parent": read("/proc/%d/cmdline" % os.getppid()),
            "seen by others": [
                read("/proc/self/cmdline").rstrip("\0"),
                sorted(read("/proc/self/environ").rstrip("\0").split("\0")),
                read("/proc/self/comm"),
            ],
            "scheduling": [
                os.getpriority(os.PRIO_PROCESS, 0),
                sorted(os.sched_getaffinity(0)),
                os.sched_getscheduler(0),
            ],
            "users": [os.getresuid(), os.getresgid(), os.getgroups()],
            "children": os.path.exists("/proc/self/task/%d/children" % os.getpid())
            and read("/proc/self/task/%d/children" % os.getpid()),
            "zone": [time.tzname, time.timezone],
            "processor time": time.process_time() < 20,
            "libraries": libraries(),
            "modules": sorted(sys.modules),
            "depth": depth(),
        },
        default=str,
    )
)
