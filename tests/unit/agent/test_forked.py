"""What a supervisor makes of what its zygote says, and of its silence."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from orris_agent.launcher.forked import Forked

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of launchers are for Linux")

COMMAND = {"argv": ["python", "main.py"], "env": {}, "cwd": "/"}
ENDED = b"ended 256 0.5 1000 0\n"


@pytest.fixture
def said() -> Iterator[tuple[int, int]]:
    hear, tell = os.pipe()
    os.set_blocking(hear, False)
    yield hear, tell
    os.close(hear)


def started(said: tuple[int, int], told: bytes, *, forks: bool) -> Forked:
    """Return what has begun a program, of which all is said that ever will be."""
    hear, tell = said
    os.write(tell, told)
    os.close(tell)
    zygote: Any = SimpleNamespace(pid=os.getpid(), forks=forks, said=hear, give=lambda order: None)
    made = Forked(zygote, "")
    made.start("/", COMMAND)
    return made


def test_a_zygote_that_becomes_the_program_has_nothing_more_to_say(said: tuple[int, int]) -> None:
    made = started(said, b"begun 7\n", forks=False)
    assert (made.main, made.is_lost) == (7, False)


def test_one_that_ends_before_the_program_does_leaves_nobody_who_knows_how(said: tuple[int, int]) -> None:
    assert started(said, b"begun 7\n", forks=True).is_lost


def test_one_that_ends_after_it_has_told_of_the_end_has_told_all(said: tuple[int, int]) -> None:
    made = started(said, b"begun 7\n" + ENDED, forks=True)
    assert (made.is_lost, made.status, made.largest) == (False, 256, 1000)
