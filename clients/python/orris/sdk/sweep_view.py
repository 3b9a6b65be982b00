"""A sweep as lines that fit a terminal: how far it is, the best so far, what goes on in each lane, what has ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean
from textwrap import wrap

from orris.runs.v1 import sweeps_pb2
from orris.sdk.sweep import EARLY_STOPPED, Sweep, Trial
from orris.sdk.sweep_space import Value

GAP = "  "
LEAST_BAR, MOST_BAR = 10, 30
SHOWN = 10
MOST_LINES = 5
# In a narrower terminal, hyperparameters are worth more than times.
TIME, ROOM_FOR_TIME = "TIME", 60
WAITING = frozenset({"NotStarted", "Preparing", "Provisioning", "Queued"})


class Lanes:
    """Which trials are executed side by side: each keeps its lane, a new one takes the first that is free."""

    def __init__(self) -> None:
        self._lanes: list[int | None] = []

    def seat(self, trials: Mapping[int, Trial]) -> list[Trial | None]:
        """Return who is in each lane now; None where nobody is."""
        going = [number for number, trial in sorted(trials.items()) if not (trial.finished or trial.status in WAITING)]
        self._lanes = [number if number in going else None for number in self._lanes]
        for number in going:
            if number not in self._lanes:
                free = next((lane for lane, at in enumerate(self._lanes) if at is None), None)
                if free is None:
                    self._lanes.append(number)
                else:
                    self._lanes[free] = number
        return [None if number is None else trials[number] for number in self._lanes]


def lines_of(
    sweep: Sweep, trials: Mapping[int, Trial], lanes: Sequence[Trial | None], width: int, now: datetime | None = None
) -> list[str]:
    """Return the lines, none longer than `width`."""
    now = now or datetime.now(UTC)
    lines = [
        f"Sweep {sweep.id}",
        _progress(sweep, width),
        _counts(sweep, trials, now),
    ]
    lines = [_cut(line, width) for line in lines]
    for text in (*_end(sweep), *_best(sweep), *(f"warning: {warning}" for warning in sweep.warnings[:2])):
        lines += _wrapped(text, width)
    names = _varying(trials)
    if any(lane is not None for lane in lanes):
        titles = ["LANE", "TRIAL", "STATUS", TIME, "LAST", "HYPERPARAMETERS"]
        lines += _table(titles, [_lane(lane, trial, names, now) for lane, trial in enumerate(lanes, 1)], width)
    ended = _best_first(sweep, [trial for trial in trials.values() if trial.finished])
    if ended:
        titles = ["TRIAL", "STATUS", TIME, sweep.metric.upper(), "HYPERPARAMETERS"]
        lines += _table(titles, (_ended(trial, names) for trial in ended[:SHOWN]), width)
        lines += [_cut(f"… {len(ended) - SHOWN} more ended", width)] if len(ended) > SHOWN else []
    return lines


def time_left(sweep: Sweep, trials: Mapping[int, Trial], now: datetime) -> float | None:
    """Return how many seconds are left, by how long trials took and how many go on at a time; None before one ended."""
    took = [
        (trial.ended - trial.started).total_seconds()
        for trial in trials.values()
        if trial.finished and trial.ended and trial.started
    ]
    if not took or sweep.finished or sweep.created is None:
        return None
    planned = sweep.sweep_message.planned_trials
    ended = sum(trial.finished for trial in trials.values())
    going = max(1, sum(trial.started is not None for trial in trials.values() if not trial.finished))
    left = fmean(took) * (planned - ended) / going
    limit = sweep.sweep_message.max_duration.ToTimedelta() - (now - sweep.created)
    return max(0.0, min(left, limit.total_seconds()))


def hyperparameters_text(values: Mapping[str, Value], names: Sequence[str] | None = None) -> str:
    """Return hyperparameters in one line, those of `names` alone if it is given."""
    shown = values if names is None else {name: values[name] for name in names if name in values}
    return " ".join(f"{name.lstrip('-')}={number(value)}" for name, value in shown.items())


def number(value: Value | None) -> str:
    """Return a value in a few characters."""
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def duration_text(seconds: float) -> str:
    """Return a length of time for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _progress(sweep: Sweep, width: int) -> str:
    counts, planned = sweep.sweep_message.counts, max(1, sweep.sweep_message.planned_trials)
    ended = counts.total - counts.waiting - counts.running
    bar = min(MOST_BAR, max(LEAST_BAR, width - 40))
    full = math.floor(bar * ended / planned)
    return f"{'█' * full}{'░' * (bar - full)} {ended} of {planned} trials ended"


def _counts(sweep: Sweep, trials: Mapping[int, Trial], now: datetime) -> str:
    counts = sweep.sweep_message.counts
    named = {
        "running": counts.running,
        "waiting": counts.waiting,
        "ended early": counts.early_stopped,
        "failed": counts.failed,
        "canceled": counts.canceled,
        f"without {sweep.metric}": counts.without_metric if counts.completed else 0,
    }
    parts = [f"{count} {name}" for name, count in named.items() if count]
    left = time_left(sweep, trials, now)
    if left is not None:
        parts.insert(0, f"ETA {duration_text(left)}")
    return " · ".join(parts)


def _end(sweep: Sweep) -> list[str]:
    if not sweep.finished:
        return [sweep.status_reason] if sweep.status_reason else []
    # Of one that completed, the reason is what stands below: the best.
    why = sweep.error or ("" if sweep.best and sweep.status == "Completed" else sweep.status_reason)
    return [": ".join(filter(None, [sweep.status, why]))]


def _best(sweep: Sweep) -> list[str]:
    best = sweep.best
    if best is None:
        return [f"best: no trial has logged {sweep.metric!r}{'' if sweep.finished else ' yet'}"]
    text = f"best: trial {best.number}, {sweep.metric} {best.best_value:.10g}"
    return [text, f"      {hyperparameters_text(best.hyperparameters)}"]


def _varying(trials: Mapping[int, Trial]) -> list[str]:
    """Return the hyperparameters that differ between trials; all where none does."""
    values: dict[str, set[str]] = {}
    for trial in trials.values():
        for name, value in trial.hyperparameters.items():
            values.setdefault(name, set()).add(repr(value))
    several = [name for name, different in values.items() if len(different) > 1]
    return several or list(values)


def _best_first(sweep: Sweep, trials: Iterable[Trial]) -> list[Trial]:
    sign = -1 if sweep.sweep_message.goal == sweeps_pb2.Sweep.GOAL_MAXIMIZE else 1
    return sorted(trials, key=lambda each: (each.best_value is None, sign * (each.best_value or 0), each.number))


def _lane(lane: int, trial: Trial | None, names: Sequence[str], now: datetime) -> Sequence[str]:
    if trial is None:
        return (str(lane), "", "", "", "", "")
    time = "" if trial.started is None else duration_text(max(0.0, (now - trial.started).total_seconds()))
    text = hyperparameters_text(trial.hyperparameters, names)
    return (str(lane), str(trial.number), trial.status, time, number(trial.last_value), text)


def _ended(trial: Trial, names: Sequence[str]) -> Sequence[str]:
    time = ""
    if trial.started and trial.ended:
        time = duration_text(max(0.0, (trial.ended - trial.started).total_seconds()))
    status = "Early" if trial.status == EARLY_STOPPED else trial.status
    text = hyperparameters_text(trial.hyperparameters, names)
    return (str(trial.number), status, time, number(trial.best_value), text)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> list[str]:
    shown = [number for number, title in enumerate(titles) if width >= ROOM_FOR_TIME or title != TIME]
    titles = [titles[number] for number in shown]
    table = [[row[number].partition("\n")[0] for number in shown] for row in rows]
    widths = [max(map(len, column)) for column in zip(titles, *table, strict=True)]
    lines = (GAP.join(cell.ljust(limit) for cell, limit in zip(row, widths, strict=True)) for row in (titles, *table))
    return ["", *(_cut(line.rstrip(), width) for line in lines)]


def _wrapped(text: str, width: int) -> list[str]:
    """Return what must be read to its end in some lines."""
    whole = text.partition("\n")[0]
    indent = " " * (len(whole) - len(whole.lstrip()))
    lines = wrap(whole, width, subsequent_indent=indent, max_lines=MOST_LINES, placeholder=" …", break_on_hyphens=False)
    return lines or [""]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
