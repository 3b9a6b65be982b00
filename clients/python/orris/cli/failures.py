"""What a failure looks like on the command line: one or two plain lines on standard error, and an exit code.

0 done · 1 what was asked for failed · 2 wrong usage · 3 not found · 4 not allowed · 5 out of reach · 130 interrupted
"""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from orris import errors

FAILED, USAGE, NOT_FOUND, NOT_ALLOWED, OUT_OF_REACH, INTERRUPTED = 1, 2, 3, 4, 5, 130

_EXIT_CODES: dict[type[errors.OrrisError], int] = {
    errors.InvalidArgument: USAGE,
    errors.OutOfRange: USAGE,
    errors.NotFound: NOT_FOUND,
    errors.PermissionDenied: NOT_ALLOWED,
    errors.Unauthenticated: NOT_ALLOWED,
    errors.Unavailable: OUT_OF_REACH,
    errors.DeadlineExceeded: OUT_OF_REACH,
}


class Commands(TyperGroup):
    """The whole command line: turns what is raised in a command into words and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except errors.OrrisError as error:
            raise self._end(error, exit_code(error)) from None
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read the output has enough of it. Python would complain about it once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            raise self._end(error, FAILED) from None

    @staticmethod
    def _end(error: Exception, code: int) -> Exception:
        if os.environ.get("ORRIS_DEBUG") == "1":
            return error
        say(describe(error))
        return typer.Exit(code)


def exit_code(error: errors.OrrisError) -> int:
    """Return the exit code that tells a script what kind of failure it was."""
    if error.reason == "STILL_RUNNING":
        return INTERRUPTED
    for kind, code in _EXIT_CODES.items():
        if isinstance(error, kind):
            return code
    return FAILED


def describe(error: Exception) -> str:
    """Return the words for an error. The fields that a service complains of follow, unless it named them already."""
    if not isinstance(error, errors.OrrisError):
        return f"orris: {error}"
    if error.reason == "STILL_RUNNING":
        return error.message
    lines = [f"orris: {error.message}"]
    if isinstance(error, errors.InvalidArgument):
        lines += [
            f"  {each.field}: {each.description}" for each in error.violations if each.description not in error.message
        ]
    return "\n".join(lines)


def say(text: str) -> None:
    """Write a line for people, to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
