"""The signals that reach the supervisor: SIGTERM cancels the run, every one wakes it."""

import os
import select

from orris_agent.supervisor.system import signal


class Signals:
    """Whether the run is to be canceled, and a sleep that signals end; made once, in the main thread."""

    def __init__(self) -> None:
        self.cancel_requested = False
        self._wakeup, write_end = os.pipe()
        os.set_blocking(self._wakeup, False)
        os.set_blocking(write_end, False)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        self.heed()
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        signal.set_wakeup_fd(write_end)

    def heed(self) -> None:
        """Have SIGTERM cancel the run that this process sees to from now on."""
        self.cancel_requested = False
        signal.signal(signal.SIGTERM, lambda *_: self._cancel())

    def rest(self) -> None:
        """Have SIGTERM end this process, which sees to no run."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _cancel(self) -> None:
        self.cancel_requested = True

    def sleep(self, seconds: float, wakes: "list[int]") -> None:
        """Wait for a signal, or for one of the descriptors to be readable, at most `seconds`."""
        if self._wakeup in select.select([self._wakeup, *wakes], [], [], max(seconds, 0.0))[0]:
            os.read(self._wakeup, 4096)


def reset_signals() -> None:
    """Give every signal its default again, in a fork that will execute a program."""
    signal.set_wakeup_fd(-1)
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # SIGKILL, SIGSTOP and the two that libc keeps
