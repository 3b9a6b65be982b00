"""What a run used, for people: totals, and its course as a row of bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orris.cli.output import columns, duration, print_fields
from orris.sizes import size_text

if TYPE_CHECKING:
    from orris.sdk.run import Run

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60


def used_text(run: Run) -> str:
    """Return the totals in one line; empty while they are not known."""
    if run.cpu_seconds is None or run.max_memory_bytes is None:
        return ""
    return f"{duration(run.cpu_seconds)} of processors, {size_text(run.max_memory_bytes)} of memory at most"


def show_usage(run: Run) -> None:
    """Print the totals, and how much was used in the course of time."""
    samples = run.get_usage()
    width = max(10, min(_WIDTH, (columns() or 100) - 40))
    cpus, memory = [each.cpus for each in samples], [float(each.memory_bytes) for each in samples]
    none = "none yet: the first is taken after two seconds, and sent with the next ones or at the end"
    if run.finished:
        none = "none: it ended before the first was taken"
    print_fields(
        {
            "run": run.id,
            "used": used_text(run),
            "from": samples[0].time if samples else None,
            "to": samples[-1].time if samples else None,
            "processors": f"{bars(cpus, width)}  {max(cpus):.2f} at most" if samples else "",
            "memory": f"{bars(memory, width)}  {size_text(int(max(memory)))} at most" if samples else "",
            "samples": len(samples) or none,
        }
    )


def bars(values: Sequence[float], width: int) -> str:
    """Return at most `width` bars; where there are more values, each bar is the largest of its part."""
    count = min(width, len(values))
    parts = [values[number * len(values) // count : (number + 1) * len(values) // count] for number in range(count)]
    most = max(values, default=0) or 1
    return "".join(_BARS[round(max(part) / most * (len(_BARS) - 1))] for part in parts)
