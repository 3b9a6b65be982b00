"""How many heaps the C library makes for the threads of a service."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Threads that are there at one time, and all have something of the library's.
THREADS = """
import asyncio, ctypes, sys, threading
from orris_kit import lifecycle

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p

async def run():
    there = threading.Barrier(17)

    def take():
        libc.malloc(ctypes.c_size_t(100_000))
        there.wait()

    threads = [threading.Thread(target=take) for _ in range(16)]
    for each in threads:
        each.start()
    there.wait()
    for each in threads:
        each.join()
    libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
    libc.fflush(None)

if sys.argv[1] == "service":
    lifecycle.main(run)
else:
    asyncio.run(run())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only GNU's C library says how many heaps it has")
def test_the_threads_of_a_service_share_two_heaps() -> None:
    def heaps(kind: str) -> int:
        done = subprocess.run([sys.executable, "-c", THREADS, kind], capture_output=True, text=True, check=True)
        return done.stdout.count("<heap nr=")

    assert heaps("service") == 2
    assert heaps("program") > 2
