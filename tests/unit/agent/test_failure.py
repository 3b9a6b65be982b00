"""The end of a run, said for people."""

from pathlib import Path

import pytest

from orris.runs.v1 import runs_pb2 as runs
from orris_agent import failure
from orris_agent.beneath import Beneath
from orris_agent.exits import Exit
from orris_agent.runtimes.port import Ending


def ended(
    exit_code: int | None = None, signal: int | None = None, reason: str | None = None, message: str = ""
) -> Exit:
    return Exit(exit_code, signal, reason, message, 0.0, 1.0, 0, 0.0)


@pytest.mark.parametrize(
    ("exit_", "code", "words"),
    [
        (ended(exit_code=3), runs.RunError.CODE_USER_PROGRAM, "exit code 3"),
        (ended(signal=9), runs.RunError.CODE_USER_PROGRAM, "9 (SIGKILL)"),
        (ended(signal=9), runs.RunError.CODE_USER_PROGRAM, "out of memory"),
        (ended(signal=15, reason="time_limit"), runs.RunError.CODE_TIME_LIMIT, "time limit"),
        (ended(reason="start_failed", message="no such file: x"), runs.RunError.CODE_USER_PROGRAM, "no such file: x"),
    ],
)
def test_the_message_says_what_happened(exit_: Exit, code: int, words: str, tmp_path: Path) -> None:
    error = failure.error_of(Ending(exit_), Beneath(tmp_path))
    assert error.code == code
    assert words in error.message


def test_exit_code_zero_and_no_exit_code_are_told_apart(tmp_path: Path) -> None:
    assert not failure.error_of(Ending(ended(signal=9)), Beneath(tmp_path)).HasField("exit_code")
    assert failure.error_of(Ending(ended(exit_code=1)), Beneath(tmp_path)).exit_code == 1


def test_the_last_traceback_is_the_detail(tmp_path: Path) -> None:
    log = tmp_path / "std_log.txt"
    first, last = ("Traceback (most recent call last):\n  File x\nValueError: " + word for word in ("old", "new"))
    log.write_text(f"{first}\nwork\n{last}\n")
    assert failure.tail(Beneath(tmp_path)) == last


@pytest.mark.parametrize(
    ("log", "end"),
    [
        (
            "Traceback (most recent call last):\n  File x, line 1\n    f()\nValueError: no\nsecond line\n",
            "1: ValueError: no",
        ),
        ("Traceback (most recent call last):\n  File x, line 1\nKeyError\n", "1: KeyError"),
        ('  File "x.py", line 1\n    x =\n       ^\nSyntaxError: invalid syntax\n', "1: SyntaxError: invalid syntax"),
        ("usage: train.py\n", "code 1."),
        ("", "code 1."),
    ],
)
def test_the_message_of_an_uncaught_exception_names_it(log: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "std_log.txt").write_text(log)
    assert failure.error_of(Ending(ended(exit_code=1)), Beneath(tmp_path)).message.endswith(end)


@pytest.mark.parametrize(
    ("last", "end"),
    [
        ("train.py: error: unrecognized arguments: --C 1", "2: train.py: error: unrecognized arguments: --C 1"),
        ("I give up", "code 2."),
    ],
)
def test_the_message_of_a_program_that_was_called_wrongly_says_how(last: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "std_log.txt").write_text(f"usage: train.py [-h]\n{last}\n")
    assert failure.error_of(Ending(ended(exit_code=2)), Beneath(tmp_path)).message.endswith(end)


def test_an_exception_is_not_blamed_for_an_exit_code_that_the_program_chose(tmp_path: Path) -> None:
    (tmp_path / "std_log.txt").write_text("Traceback (most recent call last):\nValueError: caught and logged\n")
    assert failure.error_of(Ending(ended(exit_code=3)), Beneath(tmp_path)).message.endswith("exit code 3.")


def test_without_a_traceback_the_last_lines_are_the_detail(tmp_path: Path) -> None:
    log = tmp_path / "std_log.txt"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert failure.tail(Beneath(tmp_path)).splitlines() == [f"line {number}" for number in range(80, 100)]


def test_details_are_bounded_and_always_text(tmp_path: Path) -> None:
    log = tmp_path / "std_log.txt"
    log.write_bytes(b"\xff" * 100_000)
    assert len(failure.tail(Beneath(tmp_path))) <= 8 * 1024


def test_memory_that_was_used_up_is_a_failure_of_its_own(tmp_path: Path) -> None:
    """Whether the program was killed itself, or failed because a child was; or nobody was left to say so."""
    for exit_ in (ended(signal=9), ended(exit_code=1), None):
        error = failure.error_of(Ending(exit_, out_of_memory="more than 64 MiB"), Beneath(tmp_path))
        assert (error.code, error.message) == (runs.RunError.CODE_OUT_OF_MEMORY, "more than 64 MiB")


def test_what_is_known_of_an_end_that_nobody_recorded_is_said(tmp_path: Path) -> None:
    error = failure.error_of(Ending(None, lost="removed from outside"), Beneath(tmp_path))
    assert (error.code, error.message) == (runs.RunError.CODE_SYSTEM, "removed from outside")
    assert not error.HasField("exit_code")
