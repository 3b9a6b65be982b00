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


IN_ONE_PIECE = """
import mmap
from orris_agent.launcher import arenas

SIZE = 16 * 1024 * 1024

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE

def make():
    objects, libraries = [], []
    for _ in range(8):
        objects += [bytes(479) for _ in range(2048)]  # one megabyte
        libraries.append(mmap.mmap(-1, 3 * 1024 * 1024, mmap.MAP_PRIVATE))  # is put where there is room
    places = sorted(map(id, objects))
    return places[len(places) * 95 // 100] - places[len(places) * 5 // 100], objects, libraries

span_without, *others = make()
before = resident()
aside = arenas.set_aside(SIZE)
taken = resident() - before
span, *these = make()
del aside
print(taken, span, span_without, resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="launchers are for Linux")
def test_what_is_imported_lies_in_one_piece_and_what_is_unused_is_given_back() -> None:
    path = str(Path(orris_agent.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", IN_ONE_PIECE], env={"PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    megabyte = 1024 * 1024
    taken, span, span_without, kept = map(int, done.stdout.split())
    assert taken > 14 * megabyte
    assert span < span_without / 2, "without, they lie between libraries"
    assert kept < 12 * megabyte
