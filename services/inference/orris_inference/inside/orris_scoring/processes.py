"""One process that answers, or several: as many calls at a time as there are processes."""

import multiprocessing
import os
import signal
import sys
from multiprocessing import connection


def run(count, work, begin):
    """Have `work(ready)` done by `count` processes; `begin()` once all have called `ready()`.

    Does not return. When one of them ends, all do, with its exit code: the replica is started again.
    """
    if count == 1:
        work(begin)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    # Not daemons: those may not start processes of their own.
    started = [context.Process(target=work, args=(lambda: sender.send(True),)) for _ in range(count)]
    for process in started:
        process.start()
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(_watch(started, receiver, begin))
    finally:
        for process in started:
            if process.exitcode is None:
                os.kill(process.pid, signal.SIGKILL)


def _watch(started, receiver, begin):
    """Return the exit code of the first process that ends."""
    waiting = len(started)
    while True:
        for event in connection.wait([receiver] + [process.sentinel for process in started]):
            if event is not receiver:
                return next(_exit_code(process) for process in started if process.sentinel == event)
            receiver.recv()
            waiting -= 1
            if not waiting:
                begin()


def _exit_code(process):
    process.join()
    if process.exitcode < 0:
        print("A process of the scoring script was ended by signal %d." % -process.exitcode, file=sys.stderr)
        return 128 - process.exitcode
    return process.exitcode or 1
