"""The end of a run, said for people."""

from pathlib import Path

import pytest

from orris.runs.v1 import runs_pb2 as runs
from orris_agent import failure
from orris_agent.process import Exit


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
    error = failure.error_of(exit_, tmp_path / "none")
    assert error.code == code
    assert words in error.message


def test_exit_code_zero_and_no_exit_code_are_told_apart(tmp_path: Path) -> None:
    assert not failure.error_of(ended(signal=9), tmp_path / "none").HasField("exit_code")
    assert failure.error_of(ended(exit_code=1), tmp_path / "none").exit_code == 1


def test_the_last_traceback_is_the_detail(tmp_path: Path) -> None:
    log = tmp_path / "log"
    first, last = ("Traceback (most recent call last):\n  File x\nValueError: " + word for word in ("old", "new"))
    log.write_text(f"{first}\nwork\n{last}\n")
    assert failure.tail(log) == last


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
    (tmp_path / "log").write_text(log)
    assert failure.error_of(ended(exit_code=1), tmp_path / "log").message.endswith(end)


def test_an_exception_is_not_blamed_for_an_exit_code_that_the_program_chose(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Traceback (most recent call last):\nValueError: caught and logged\n")
    assert failure.error_of(ended(exit_code=3), tmp_path / "log").message.endswith("exit code 3.")


def test_without_a_traceback_the_last_lines_are_the_detail(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(100)))
    assert failure.tail(log).splitlines() == [f"line {number}" for number in range(80, 100)]


def test_details_are_bounded_and_always_text(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\xff" * 100_000)
    assert len(failure.tail(log)) <= 8 * 1024
