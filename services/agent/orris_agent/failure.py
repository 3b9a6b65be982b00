"""Why a run ended otherwise than well, said for people."""

from __future__ import annotations

import signal
from pathlib import Path

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.process import Exit

_DETAILS = 8 * 1024
_TRACEBACK = b"Traceback (most recent call last):"
_LINES_WITHOUT_TRACEBACK = 20
_UNCAUGHT = 1  # how Python ends with an exception that nobody caught
_SYNTAX = ("SyntaxError: ", "IndentationError: ", "TabError: ")
_LONGEST_RAISED = 500


def error_of(ended: Exit, std_log: Path) -> runs.RunError:
    """Return the error of a program that did not end with exit code 0."""
    details = tail(std_log)
    message = _message(ended, details)
    error = runs.RunError(code=_code(ended), message=message, signal=ended.signal or 0, details=details)
    if ended.exit_code is not None:
        error.exit_code = ended.exit_code
    return error


def lost(std_log: Path) -> runs.RunError:
    """Return the error of a run whose supervisor vanished without a word."""
    message = "The run's supervisor was killed from outside: how the program ended is not known. Submit the run again."
    return runs.RunError(code=runs.RunError.CODE_SYSTEM, message=message, details=tail(std_log))


def tail(log: Path) -> str:
    """Return the last traceback in a log, or its last lines where it has none; at most 8 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8 * _DETAILS))
            text = file.read()
    except OSError:
        return ""
    begin = text.rfind(_TRACEBACK)
    lines = text[begin:] if begin >= 0 else b"\n".join(text.splitlines()[-_LINES_WITHOUT_TRACEBACK:])
    return lines[-_DETAILS:].decode("utf-8", "replace").strip()


def _code(ended: Exit) -> runs.RunError.Code.ValueType:
    if ended.reason == "time_limit":
        return runs.RunError.CODE_TIME_LIMIT
    return runs.RunError.CODE_USER_PROGRAM


def _message(ended: Exit, details: str) -> str:
    if ended.reason == "time_limit":
        return "The time limit was reached and the run's processes were ended. Give it a longer one, or less to do."
    if ended.reason == "start_failed":
        return f"The program could not be started: {ended.message}"
    if ended.signal:
        return f"The program was ended by signal {_signal_name(ended.signal)}.{_likely_cause(ended.signal)}"
    raised = _raised(details) if ended.exit_code == _UNCAUGHT else ""
    return f"The program ended with exit code {ended.exit_code}{f': {raised}' if raised else '.'}"


def _raised(details: str) -> str:
    """Return the line of a traceback that names the exception; empty where there is none.

    A SyntaxError of the script itself comes without the words that begin a traceback.
    """
    lines = details.splitlines()
    if details.startswith(_TRACEBACK.decode()):
        found = next((line for line in lines[1:] if line and not line[0].isspace()), "")
    else:
        found = lines[-1] if lines and lines[-1].startswith(_SYNTAX) else ""
    return found[:_LONGEST_RAISED]


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)


def _likely_cause(number: int) -> str:
    return " Often that means that the machine ran out of memory." if number == signal.SIGKILL else ""
