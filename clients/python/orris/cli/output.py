"""What commands print: tables that fit the terminal, fields, or JSON. Piped, nothing is cut and nothing is coloured."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import typer

GAP = "  "
# A column narrower than this tells nothing.
LEAST_WIDTH = 12
COLOURS = {
    "Completed": "green",
    "Healthy": "green",
    "Succeeded": "green",
    "Verified": "green",
    "Failed": "red",
    "Unhealthy": "red",
    "Different": "yellow",
    "Running": "cyan",
    "Transitioning": "cyan",
    "Canceled": "yellow",
    "Idle": "green",
    "Starting": "yellow",
    "Draining": "yellow",
    "Stopping": "yellow",
    "Unreachable": "red",
    "EarlyStopped": "yellow",
}


def print_json(value: Any) -> None:
    """Print a value as JSON; times as ISO texts."""
    typer.echo(json.dumps(value, indent=2, default=_text, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows under their titles, or `empty` to standard error.

    In a terminal, the last column is cut to what room there is; columns that do not fit are left out from the right,
    but for the first two.
    """
    lines = [[_text(cell).partition("\n")[0] for cell in row] for row in rows]
    if not lines:
        typer.echo(empty, err=True)
        return
    widths = [max(map(len, column)) for column in zip(titles, *lines, strict=True)]
    shown, last = _fitting(widths)
    for number, line in enumerate([list(titles), *lines]):
        cells = [cell.ljust(width) for cell, width in zip(line[:shown], widths, strict=False)]
        cells[-1] = cells[-1] if len(cells[-1].rstrip()) <= last else f"{cells[-1][: last - 1]}…"
        styled = [_styled(cell, title=number == 0) for cell in cells]
        typer.echo(GAP.join(styled).rstrip())


def print_fields(fields: Mapping[str, Any]) -> None:
    """Print names and values, one a line, values without a value left out; long ones go on below."""
    there = {name: _text(value) for name, value in fields.items() if value not in (None, "", [], {}, ())}
    width = max(map(len, there), default=0)
    for name, value in there.items():
        lines = _wrapped(value, width + len(GAP))
        typer.echo(f"{_dim(name.ljust(width))}{GAP}{_styled(lines[0])}")
        for line in lines[1:]:
            typer.echo(f"{' ' * width}{GAP}{line}")


def columns() -> int | None:
    """Return the terminal's width; None where standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() or os.environ.get("COLUMNS") else None


def ago(time: datetime | None) -> str:
    """Return how long ago a time is: "12 s ago", "3 h ago", "2026-01-31" when it is over a week."""
    if time is None:
        return ""
    seconds = max(0, int((datetime.now(UTC) - time).total_seconds()))
    for unit, length, most in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 86_400), ("d", 86_400, 7 * 86_400)):
        if seconds < most:
            return f"{seconds // length} {unit} ago"
    return time.astimezone().strftime("%Y-%m-%d")


def size(count: int) -> str:
    """Return a number of bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def duration(seconds: float) -> str:
    """Return a length of time for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _fitting(widths: Sequence[int]) -> tuple[int, int]:
    """Return how many columns are shown, and how wide the last of them is."""
    room, shown = columns(), len(widths)
    if room is None:
        return shown, widths[-1]
    while shown > 2 and room - sum(widths[: shown - 1]) - len(GAP) * (shown - 1) < min(widths[shown - 1], LEAST_WIDTH):
        shown -= 1
    return shown, max(LEAST_WIDTH, room - sum(widths[: shown - 1]) - len(GAP) * (shown - 1))


def _wrapped(value: str, indent: int) -> list[str]:
    room = columns()
    lines = value.splitlines() or [""]
    if room is None:
        return lines
    width = max(20, room - indent)
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
    ]


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        case Mapping():
            return "\n".join(f"{key}={each}" for key, each in value.items())
        case list() | tuple():
            return "\n".join(map(str, value))
        case float():
            return f"{value:.6g}"
    return str(value)


def _styled(cell: str, *, title: bool = False) -> str:
    if not _coloured():
        return cell
    if title:
        return typer.style(cell, bold=True)
    colour = COLOURS.get(cell.split(maxsplit=1)[0] if cell.strip() else "")
    return typer.style(cell, fg=colour) if colour else cell


def _dim(text: str) -> str:
    return typer.style(text, dim=True) if _coloured() else text


def _coloured() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
