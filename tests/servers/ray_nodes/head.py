"""Start a Ray cluster's head, and end all that came of it when standard input ends: `head.py COMMAND...`.

Every process of the cluster stays a descendant of this one, however it was started, so nothing else is ever ended.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
    if code == 0:
        print("ready", flush=True)
        waiting = threading.Thread(target=sys.stdin.read, daemon=True)
        waiting.start()
        while waiting.is_alive():
            _reap()
            waiting.join(0.1)
    while _children():
        for child in _children():
            os.kill(child, signal.SIGKILL)
        _reap()
        time.sleep(0.02)
    sys.exit(code)


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main()
