"""Why a run ended otherwise than well, said for people."""

from __future__ import annotations

import signal

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.beneath import Beneath
from orris_agent.exits import Exit
from orris_agent.folder import STD_LOG
from orris_agent.runtimes.port import Ending

_DETAILS = 8 * 1024
_TRACEBACK = b"Traceback (most recent call last):"
_LINES_WITHOUT_TRACEBACK = 20
_UNCAUGHT = 1  # how Python ends with an exception that nobody caught
_USAGE = 2  # how argparse ends a program that was given wrong arguments: "train.py: error: …"
_SYNTAX = ("SyntaxError: ", "IndentationError: ", "TabError: ")
_LONGEST_RAISED = 500


def error_of(ending: Ending, written: Beneath) -> runs.RunError:
    """Return the error of a program that did not end with exit code 0."""
    details, ended = tail(written), ending.exit
    if ending.out_of_memory:
        error = runs.RunError(code=runs.RunError.CODE_OUT_OF_MEMORY, message=ending.out_of_memory, details=details)
    elif ended is None:
        error = runs.RunError(code=runs.RunError.CODE_SYSTEM, message=ending.lost, details=details)
    else:
        error = runs.RunError(code=_code(ended), message=_message(ended, details), details=details)
    if ended is not None:
        error.signal = ended.signal or 0
        if ended.exit_code is not None:
            error.exit_code = ended.exit_code
    return error


def tail(written: Beneath) -> str:
    """Return the last traceback in a run's log, or its last lines where it has none; at most 8 KiB."""
    try:
        begin = max(0, written.size(STD_LOG) - 8 * _DETAILS)
        text = written.read(STD_LOG, begin, 8 * _DETAILS)
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
    raised = {_UNCAUGHT: _raised, _USAGE: _misused}.get(ended.exit_code or 0, lambda _: "")(details)
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


def _misused(details: str) -> str:
    """Return the last line of a program that did not like its arguments; empty where it does not look like that."""
    last = details.splitlines()[-1] if details else ""
    return last[:_LONGEST_RAISED] if ": error: " in last else ""


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)


def _likely_cause(number: int) -> str:
    return " Often that means that the machine ran out of memory." if number == signal.SIGKILL else ""
