"""What a launcher shares with its forks lies in large pages where the kernel makes them when it is asked to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import orris_agent

PROGRAM = """
import mmap, re
from orris_agent.launcher import large_pages

SIZE, NO_RESERVE = 16 * 1024 * 1024, 0x4000

def total(name):
    with open("/proc/self/smaps") as file:
        return sum(int(kilobytes) for kilobytes in re.findall(r"^%s: +(\\d+) kB" % name, file.read(), re.MULTILINE))

used = mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE)
unused = mmap.mmap(-1, SIZE, mmap.MAP_PRIVATE | NO_RESERVE)  # of another kind, or they would be one area
used.write(b"what is shared  " * (SIZE // 16))
unused.write(b"little of it")
before = total("Anonymous")
large_pages.gather()
assert used[:] == b"what is shared  " * (SIZE // 16)
assert unused[:16] == b"little of it" + bytes(4)
print(total("AnonHugePages"), total("Anonymous") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="launchers are for Linux")
def test_what_is_in_use_is_gathered_and_nothing_else_takes_memory() -> None:
    path = str(Path(orris_agent.__file__).parent.parent)
    done = subprocess.run([sys.executable, "-c", PROGRAM], env={"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    gathered, more = map(int, done.stdout.split())
    assert more < 4096, "areas that are hardly used are left alone"
    if gathered == 0:
        pytest.skip("this kernel does not make large pages when it is asked to")
    assert gathered >= 8192
