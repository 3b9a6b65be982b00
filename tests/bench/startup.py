"""How long `orris up -d` takes until it answers, and what an idle instance keeps in memory.

The floor is a process that imports what any such server needs and answers its first call.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from orris_standalone import instance
from tests.bench.rows import Row, interleaved, measured, seconds
from tests.bench.standalone import home_folder, orris
from tests.bench.standalone import instance as running_instance

REPETITIONS = 5
# The agent and the HTTP listener come up beside the services: only then is an instance at rest.
REST_SECONDS = 2.0


def rows() -> Iterator[Row]:
    with home_folder() as parent:
        first, again, floor = interleaved(
            REPETITIONS, lambda: _first(parent / "new"), lambda: _again(parent / "new"), _floor
        )
        yield measured("orris up -d: the first time", "s", first, floor, goal="< 2 s")
        yield measured("orris up -d: again", "s", again, floor, goal="< 2 s")
        with running_instance(parent):
            time.sleep(REST_SECONDS)
            yield measured("memory of the services, idle", "MB", [_memory(parent)])
            lists = [seconds(lambda: orris(parent, "runs", "list")) for _ in range(REPETITIONS)]
            yield measured("command line: orris runs list", "s", lists)


def _first(home: Path) -> float:
    shutil.rmtree(home, ignore_errors=True)
    return _again(home)


def _again(home: Path) -> float:
    took = seconds(lambda: orris(home, "up", "-d"))
    orris(home, "down")
    return took


def _memory(home: Path) -> float:
    """Return the resident megabytes of the process of the services (the agent is another one)."""
    running = instance.read(home)
    assert running is not None
    pages = int(Path(f"/proc/{running.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _floor() -> float:
    command = [sys.executable, str(Path(__file__).with_name("bare_server.py"))]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"answers\n"
        took = time.perf_counter() - begin
        process.terminate()
    return took
