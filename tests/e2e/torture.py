"""Kill or stop every process of an installation at random while runs go through it, then check every record.

`make torture`, or `python -m tests.e2e.torture [--runs N] [--seed N] [--database URL]`. What was acknowledged must be
there, once, byte for byte; no program may have been executed to its end twice, but by its own retry policy.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from orris import Environment, Workspace
from orris.errors import OrrisError
from orris.names import RunName
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.run import Run
from orris.sdk.submission import upload_folder
from orris_agent.supervisor.tree import processes
from tests.e2e.processes import command_line_of, parent_of, processes_of
from tests.e2e.suite import SERVICES, Suite

T = TypeVar("T")

LINES, POINTS = 60, 40
# Prints, logs, keeps a file, and says at its very end, in a file that no service knows, that it came to its end.
PROGRAM = f"""
import os, sys, time
from orris import Run
run = Run.get_context()
ledger, name = sys.argv[1:]
os.makedirs("outputs", exist_ok=True)
for number in range({LINES}):
    print(name, "line", number, flush=number % 7 == 0)
    if number < {POINTS}:
        run.log("number", number)
    time.sleep(0.01)
with open("outputs/kept.txt", "w") as file:
    file.write(name * 1000)
with open(ledger, "a") as file:
    file.write(name + "\\n")
"""
LEASE_SECONDS = 6.0
# The agent does nothing for longer than some leases last, and knows nothing of that.
CUT_OFF = "agent cut off"
PATIENCE_SECONDS = 60.0  # for a call to be answered while its service is killed and started


@dataclass
class Report:
    """What became of the runs: counts, and a sentence for each fault."""

    runs: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    log_bytes_missing: int = 0
    points_missing: int = 0
    files_missing: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        killed = ", ".join(f"{count} x {what}" for what, count in sorted(self.killed.items()))
        ended = ", ".join(f"{count} {state}" for state, count in sorted(self.ended.items()))
        return "\n".join(
            [
                f"{self.runs} runs: {ended}",
                f"done to them: {killed}",
                f"{self.lost} lost, {self.doubled} doubled, {self.log_bytes_missing} log bytes missing, "
                f"{self.points_missing} metric points missing, {self.files_missing} files missing",
                *self.faults[:20],
            ]
        )


def torture(suite: Suite, workspace: Workspace, environment: Environment, runs: int, rng: random.Random) -> Report:
    """Submit runs from several clients while processes are killed; return what became of them."""
    report = Report(runs=runs)
    ledger = suite.root / "ledger.txt"
    ledger.touch()
    snapshot, version = (
        _uploaded(workspace, suite.root / "program"),
        environment.ensure_registered(workspace).resource_name,
    )
    over = threading.Event()
    killer = threading.Thread(target=_kill_until, args=(over, suite, rng, report))
    killer.start()
    try:
        with ThreadPoolExecutor(4) as clients:
            requests = [_request(workspace, snapshot, version, ledger, number) for number in range(runs)]
            made = list(clients.map(lambda request: _submitted(workspace, request), requests))
        _wait_for_all(workspace, made)
    finally:
        over.set()
        killer.join()
    executed = Counter(ledger.read_text().split())
    recorded = _recorded(workspace)
    for request, name in zip(requests, made, strict=True):
        _check(workspace, report, request, name, executed, recorded)
    for name, count in recorded.items():
        if count > 1 or name not in {request.run.display_name for request in requests}:
            report.doubled += 1
            report.faults.append(f"{name}: recorded {count} times")
    return report


def _request(
    workspace: Workspace, snapshot: str, version: str, ledger: Path, number: int
) -> runs_service_pb2.CreateRunRequest:
    name = f"r{number}"
    run = runs_pb2.Run(
        display_name=name,
        experiment=f"{workspace.resource_name}/experiments/torture",
        kind=runs_pb2.RUN_KIND_TRAINING,
        script="program.py",
        arguments=[str(ledger), name],
        snapshot=snapshot,
        environment=version,
        max_retries=5 if number % 3 == 0 else 0,
        isolation=runs_pb2.ISOLATION_PROCESS if number % 4 == 1 else runs_pb2.ISOLATION_UNSPECIFIED,
    )
    request_id = secrets.token_hex(8)
    return runs_service_pb2.CreateRunRequest(parent=workspace.resource_name, run=run, request_id=request_id)


def _submitted(workspace: Workspace, request: runs_service_pb2.CreateRunRequest) -> str:
    """Ask until there is an answer, as a client does that has lost it; return the run's name."""
    return str(_answered(lambda: workspace.connection.runs.CreateRun(request).run.name))


def _answered(call: Callable[[], T]) -> T:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except OrrisError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def _wait_for_all(workspace: Workspace, names: list[str]) -> None:
    end = time.monotonic() + 120 + 2.0 * len(names)
    waiting = set(names)
    while waiting:
        assert time.monotonic() < end, f"{len(waiting)} runs do not end: {sorted(waiting)[:3]}"
        for name in sorted(waiting):
            run = _answered(partial(Run.get, workspace, RunName.parse(name).run))
            if not run.finished:
                break  # in the order of submission: the next ones have not ended either, or are seen later
            waiting.discard(name)
        time.sleep(0.2)


def _kill_until(over: threading.Event, suite: Suite, rng: random.Random, report: Report) -> None:
    """Kill a process of the installation every moment, and start it again; or cut the agent off for a while."""
    victims = [*SERVICES[:3], "agent", "agent", *FORKING] * 2 + [CUT_OFF]
    while not over.wait(rng.uniform(0.3, 1.5)):
        what = rng.choice(victims)
        if what == CUT_OFF:
            suite.signal("agent", signal.SIGSTOP)
            over.wait(rng.uniform(0.5, 2 * LEASE_SECONDS))
            suite.signal("agent", signal.SIGCONT)
            report.killed[what] += 1
            continue
        if what in (*SERVICES, "agent"):
            suite.kill(what)
            over.wait(rng.uniform(0.0, 1.0))
            suite.start(what)
            report.killed[what] += 1
            continue
        if found := FORKING[what](suite):
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(found), signal.SIGKILL)
                report.killed[what] += 1


def _supervisors(suite: Suite) -> list[int]:
    return [pid for pid in _children_of_agents(suite) if "supervisor/__main__.py" in command_line_of(pid)]


def _launchers(suite: Suite) -> list[int]:
    """Return the launchers: their forks, which are called like them until they are programs, are others' children."""
    known = _children_of_agents(suite)
    return [pid for pid in known if "importlib_bootstrap.py" in command_line_of(pid) and parent_of(pid) not in known]


def _zygotes(suite: Suite) -> list[int]:
    """Return what programs are forked by: the children of supervisors that launchers have forked."""
    launchers, known = _launchers(suite), list(processes())
    supervisors = {pid for pid, parent, _ in known if parent in launchers}
    return [pid for pid, parent, _ in known if parent in supervisors]


FORKING = {"supervisor": _supervisors, "launcher": _launchers, "zygote": _zygotes}


def _children_of_agents(suite: Suite) -> list[int]:
    home = str(suite.root / "agent")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        line = command_line_of(int(folder.name))
        if home in line and ("supervisor" in line or "importlib_bootstrap" in line):
            found.append(int(folder.name))
    return found


def _check(
    workspace: Workspace,
    report: Report,
    request: runs_service_pb2.CreateRunRequest,
    name: str,
    executed: Counter[str],
    recorded: Counter[str],
) -> None:
    label = request.run.display_name
    if not recorded[label]:
        report.lost += 1
        report.faults.append(f"{label}: acknowledged as {name}, and not there")
        return
    run = _answered(lambda: Run.get(workspace, RunName.parse(name).run))
    report.ended[run.status] += 1
    repeatable = request.run.max_retries > 0
    if executed[label] > 1 and not repeatable:
        report.doubled += 1
        report.faults.append(f"{label}: executed to its end {executed[label]} times")
    if run.status != "Completed":
        if run.error_code not in ("AgentLost", "System"):
            report.lost += 1
            report.faults.append(f"{label}: {run.status}, {run.error_code}: {run.error}")
        return
    if not executed[label]:
        report.lost += 1
        report.faults.append(f"{label}: Completed, and was never executed to its end")
    log = b"".join(_answered(lambda: list(run.follow_log(follow=False))))
    wanted = b"".join(b"%s line %d\n" % (label.encode(), number) for number in range(LINES))
    if log[-len(wanted) :] != wanted or (log != wanted and not repeatable):
        report.log_bytes_missing += max(1, len(wanted) - len(log))
        report.faults.append(f"{label}: its log is not what was printed ({len(log)} bytes of {len(wanted)})")
    points = _answered(lambda: run.get_metrics("number")).get("number", [])
    if points != list(range(POINTS)):
        report.points_missing += max(1, POINTS - len(points))
        report.faults.append(f"{label}: its metric is not what was logged ({len(points)} points)")
    if "outputs/kept.txt" not in _answered(run.get_file_names):
        report.files_missing += 1
        report.faults.append(f"{label}: outputs/kept.txt was not kept")


def _recorded(workspace: Workspace) -> Counter[str]:
    from orris import Experiment

    return Counter(run.name for run in _answered(lambda: list(Experiment(workspace, "torture").get_runs())))


def _uploaded(workspace: Workspace, folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(PROGRAM)
    return upload_folder(workspace, folder)


@contextlib.contextmanager
def installation(root: Path, database: str = "") -> Iterator[tuple[Suite, Workspace]]:
    """Start an installation whose leases are short, so that what is lost is noticed soon."""
    os.environ.update(ORRIS_RUNS_LEASE_DURATION=f"{LEASE_SECONDS:g}", ORRIS_RUNS_LEASE_MARGIN="2")
    suite = Suite(root, database)
    try:
        suite.start("runs", "artifacts", "images", "models", "inference", "agent")
        suite.until_up()
        os.environ.update(
            suite.addresses, ORRIS_HOME=str(root / "client"), ORRIS_TOKEN_FILE=str(suite.keys / "user.token")
        )
        yield suite, Workspace.get("default")
    finally:
        suite.close()
        for pid in processes_of(root):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _tormented(folder: Path, database: str, runs: int, rng: random.Random) -> Report:
    with installation(folder, database) as (suite, workspace):
        environment = Environment("torture", pip_packages=["iniconfig"])
        environment.build(workspace).wait_for_completion()
        return torture(suite, workspace, environment, runs, rng)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="of the choice of what is killed when"
    )
    parser.add_argument("--database", default="", help="a PostgreSQL for all services; by default each has its SQLite")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="orris-torture-", ignore_cleanup_errors=True) as folder:
        report = _tormented(Path(folder), options.database, options.runs, random.Random(options.seed))
        print(report)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
