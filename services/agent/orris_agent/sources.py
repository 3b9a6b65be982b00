"""Which files of a folder are sources, by patterns that a run says.

A pattern can be such that to match it takes longer than anybody waits, and holds all of Python meanwhile: those of runs
are matched in a process of their own, which has a time limit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from orris.errors import InvalidArgument
from orris.sdk.ignore import FILES, Ignore

MATCH_SECONDS = 20.0
LONGEST_REASON = 300
COMMAND = (sys.executable, "-I", "-m", "orris_agent.sources")


def sources_of(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return those of `names`, paths in a folder, that the patterns of its ignore file leave. Blocking.

    Raises InvalidArgument for patterns that are none, or take too long.
    """
    if not patterns:
        return _left(patterns, names)
    asked = json.dumps([list(patterns), list(names)]).encode()
    try:
        done = subprocess.run(COMMAND, input=asked, capture_output=True, timeout=MATCH_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise _wrong("its patterns take too long to match; write simpler ones") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise _wrong(f"{reason[:LONGEST_REASON]}; correct the pattern")
    found: list[str] = json.loads(done.stdout)
    return found


def _left(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    ignore = Ignore(patterns)
    return [name for name in names if not ignore.file(name)]


def _wrong(problem: str) -> InvalidArgument:
    return InvalidArgument(f"{FILES[0]}: {problem}", field=FILES[0])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_left(*json.load(sys.stdin))))
