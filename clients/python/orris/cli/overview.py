"""What goes on, as lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from orris.cli.output import GAP, duration, size
from orris.cli.statistics import latency_text

# Where there is not room for all, the first column is cut: at its front, for runs' ids differ at their ends.
LEAST_NAME = 12
RUN_TITLES = ("RUN", "STATUS", "TIME", "AGENT")
SWEEP_TITLES = ("SWEEP", "STATUS", "TIME", "TRIALS", "RUNNING", "BEST")
ENDPOINT_TITLES = ("ENDPOINT", "STATE", "REQ/S", "P50", "P99", "FAILED", "DRIFT")


def lines_of(overview: dict[str, Any], width: int) -> list[str]:
    """Return the lines, none longer than `width`."""
    runs, builds = overview["runs"], overview["builds"]
    waiting = [each for each in runs if not each["agent"]]
    several = len({each["workspace"] for each in (*runs, *overview["sweeps"], *overview["endpoints"], *builds)}) > 1
    lines = [_cut(each, width) for each in _summary(overview, len(runs) - len(waiting), len(waiting))]
    lines += _section(("AGENT", "POOL", "RUNS", "REPLICAS", "MACHINE"), map(_agent, overview["agents"]), width)
    lines += _section(SWEEP_TITLES, (_sweep(each, several) for each in overview["sweeps"]), width)
    lines += _with_reasons(_section(RUN_TITLES, [_run(each, several) for each in runs], width), runs, width)
    lines += _section(ENDPOINT_TITLES, (_endpoint(each, several) for each in overview["endpoints"]), width)
    lines += _section(("BUILD", "STATE", "OF", "PROGRESS"), (_build(each, several) for each in builds), width)
    return lines


def _summary(overview: dict[str, Any], running: int, waiting: int) -> list[str]:
    healthy = sum(each["state"] == "Healthy" for each in overview["endpoints"])
    endpoints = f"endpoints: {healthy} of {len(overview['endpoints'])} healthy"
    lines = [f"Orris at {overview['address']} · runs: {running} running, {waiting} waiting · {endpoints}"]
    machine = overview["machine"]
    if machine:
        memory = f"{size(machine['memoryUsed'])} of {size(machine['memory'])} memory in use"
        lines.append(f"This machine: load {machine['load']:.1f} on {machine['cpus']:g} CPUs, {memory}")
    return lines


def _with_reasons(lines: list[str], runs: Sequence[dict[str, Any]], width: int) -> list[str]:
    """Put below each run what it waits for."""
    result = lines[:2]
    for line, run in zip(lines[2:], runs, strict=True):
        result.append(line)
        if run["reason"]:
            result.append(_cut(f"  {run['reason'].partition(chr(10))[0]}", width))
    return result


def _agent(agent: dict[str, Any]) -> Sequence[str]:
    machine = [f"{agent['cpus']:g} CPUs"] if agent["cpus"] else []
    machine += [size(agent["memory"])] if agent["memory"] else []
    return (
        agent["name"],
        agent["pool"],
        f"{agent['running']} of {agent['slots']}",
        f"{agent['replicas']} of {agent['replicaSlots']}",
        ", ".join(machine) if agent["connected"] else "not connected",
    )


def _run(run: dict[str, Any], several: bool) -> Sequence[str]:
    return (_named(run, "run", several), run["status"], duration(run["seconds"]), run["agent"])


def _sweep(sweep: dict[str, Any], several: bool) -> Sequence[str]:
    return (
        _named(sweep, "sweep", several),
        sweep["status"],
        duration(sweep["seconds"]),
        f"{sweep['ended']} of {sweep['planned']}",
        str(sweep["running"]),
        "-" if sweep["best"] is None else f"{sweep['metric']} {sweep['best']:.6g}",
    )


def _endpoint(endpoint: dict[str, Any], several: bool) -> Sequence[str]:
    return (
        _named(endpoint, "endpoint", several),
        endpoint["state"],
        f"{endpoint['requestsPerSecond']:.3g}",
        latency_text(endpoint["latencyP50"]),
        latency_text(endpoint["latencyP99"]),
        str(endpoint["recentErrors"]),
        "-" if endpoint["drift"] is None else f"{endpoint['drift']:.2f}",
    )


def _build(build: dict[str, Any], several: bool) -> Sequence[str]:
    return (_named(build, "build", several), build["state"], build["of"], build["progress"])


def _named(thing: dict[str, Any], kind: str, several: bool) -> str:
    return f"{thing['workspace']}/{thing[kind]}" if several else str(thing[kind])


def _section(titles: Sequence[str], rows: Iterable[Sequence[str]], width: int) -> list[str]:
    table = [[cell.partition("\n")[0] for cell in row] for row in rows]
    if not table:
        return []
    widths = [max(map(len, column)) for column in zip(titles, *table, strict=True)]
    rest = sum(widths[1:]) + len(GAP) * (len(widths) - 1)
    widths[0] = min(widths[0], max(width - rest, LEAST_NAME))
    table = [[_end_of(row[0], widths[0]), *row[1:]] for row in table]
    lines = (GAP.join(cell.ljust(limit) for cell, limit in zip(row, widths, strict=True)) for row in (titles, *table))
    return ["", *(_cut(line.rstrip(), width) for line in lines)]


def _end_of(text: str, width: int) -> str:
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
