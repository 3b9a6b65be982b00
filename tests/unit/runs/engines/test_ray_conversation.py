"""The conversation with the program that has Ray, whatever becomes of that."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from orris_runs.engines.port import EngineUnavailable
from orris_runs.engines.ray.conversation import Conversation

ECHO = """
import json, os, sys
print(json.dumps({"result": "connected"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "die":
        print("the head has ended", file=sys.stderr)
        sys.exit(3)
    if request["method"] == "pid":
        print(json.dumps({"result": os.getpid()}), flush=True)
    if request["method"] == "refuse":
        print(json.dumps({"error": "no such resource"}), flush=True)
    if request["method"] == "echo":
        print(json.dumps({"result": request["params"]}), flush=True)
"""
NOT_CONNECTED = """print('{"error": "version mismatch"}', flush=True)"""


class Clock:
    """A clock that moves when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def conversation(clock: Clock) -> Iterator[Conversation]:
    made = talk(ECHO, clock)
    yield made
    made.close()


def talk(program: str, clock: Clock, seconds: float = 30) -> Conversation:
    return Conversation([sys.executable, "-c", program], {}, seconds, clock)


def test_requests_are_answered_by_one_program(conversation: Conversation) -> None:
    assert conversation.ask("echo", name="ä\n") == {"name": "ä\n"}
    assert conversation.ask("pid") == conversation.ask("pid")


def test_what_cannot_be_done_is_said_and_the_program_goes_on(conversation: Conversation) -> None:
    pid = conversation.ask("pid")
    with pytest.raises(EngineUnavailable, match="no such resource"):
        conversation.ask("refuse")
    assert conversation.ask("pid") == pid


def test_a_program_that_has_ended_says_why_and_is_started_again(conversation: Conversation, clock: Clock) -> None:
    pid = conversation.ask("pid")
    with pytest.raises(EngineUnavailable, match="connection to the Ray cluster was lost"):
        conversation.ask("die")
    with pytest.raises(EngineUnavailable, match="tried again in 1 s"):
        conversation.ask("pid")
    clock.now += 1
    assert conversation.ask("pid") != pid


def test_a_program_that_says_nothing_is_not_waited_for(clock: Clock) -> None:
    """It is ended, so that what it says later is nobody's answer."""
    silent = talk(ECHO, clock, seconds=2)
    pid = silent.ask("pid")
    with pytest.raises(EngineUnavailable, match="does not answer within 2 s"):
        silent.ask("be silent")
    clock.now += 1
    assert silent.ask("pid") != pid
    silent.close()


def test_pauses_grow_until_there_is_an_answer(clock: Clock) -> None:
    refused = talk(NOT_CONNECTED, clock)
    for pause in (1, 2, 4, 8, 16, 30, 30):
        with pytest.raises(EngineUnavailable, match="version mismatch"):
            refused.ask("pid")
        with pytest.raises(EngineUnavailable, match=f"version mismatch; tried again in {pause} s"):
            refused.ask("pid")
        clock.now += pause
    refused.close()


def test_an_interpreter_that_is_not_there_is_named(clock: Clock) -> None:
    absent = Conversation(["/nowhere/python"], {}, 5, clock)
    with pytest.raises(EngineUnavailable, match=r"/nowhere/python cannot be started.*ORRIS_RUNS_RAY_PYTHON"):
        absent.ask("pid")
