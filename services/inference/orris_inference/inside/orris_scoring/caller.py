"""Calls the script in the main thread: libraries bind what init() made to its thread, and signals arrive there."""

import queue
import signal
import threading
import time


class Caller(object):
    """One call at a time. `time_limit` in seconds: a call that takes longer raises TimeoutError in the script."""

    def __init__(self, time_limit):
        self.time_limit = time_limit
        self._calls = queue.Queue()

    def call(self, function):
        """Have `function` called in the main thread; return the call once it is done."""
        call = Call(function)
        self._calls.put(call)
        call.done.wait()
        return call

    def serve(self):
        """Do the calls. Does not return."""
        while True:
            self._calls.get().do(self.time_limit)


class Call(object):
    """A call: its result, or what it raised; how long it took in milliseconds."""

    def __init__(self, function):
        self._function = function
        self._running = False
        self.done = threading.Event()
        self.result = None
        self.failure = None
        self.timed_out = False
        self.milliseconds = 0.0

    def do(self, time_limit):
        """Call the function."""
        begin = time.perf_counter()
        signal.signal(signal.SIGALRM, self._time_is_up)
        try:
            self._running = True
            signal.setitimer(signal.ITIMER_REAL, time_limit)
            self.result = self._function()
            self._running = False
        except TimeIsUp as failure:
            self.failure, self.timed_out = failure, True
        except (Exception, SystemExit) as failure:
            self.failure = failure
        self._running = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.milliseconds = (time.perf_counter() - begin) * 1000
        self.done.set()

    def _time_is_up(self, number, frame):
        if self._running:  # it may just have ended
            self._running = False
            raise TimeIsUp("run() took longer than SCORING_TIMEOUT_MS allows")


class TimeIsUp(TimeoutError):
    """The script took longer than SCORING_TIMEOUT_MS."""
