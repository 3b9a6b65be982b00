"""`orris top` against a fake Orris, and what it shows in 80 columns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from orris.cli.main import app
from orris.cli.overview import lines_of
from orris.runs.v1 import runs_pb2, sweeps_pb2
from tests.fakes.services.server import FakeOrris

RUN = {"workspace": "lab", "experiment": "a-long-experiment-of-somebody", "kind": "Training", "seconds": 75.0}
OVERVIEW: dict[str, Any] = {
    "address": "127.0.0.1:6747",
    "machine": {"load": 1.5, "cpus": 2, "memoryUsed": 3_000_000_000, "memory": 8_000_000_000},
    "agents": [
        {"name": "local", "pool": "local", "connected": True, "running": 1, "slots": 2, "replicas": 1,
         "replicaSlots": 64, "cpus": 2.0, "memory": 8_000_000_000},
    ],
    "sweeps": [
        {"sweep": "a-long-experiment_1764000000_00000005", "workspace": "lab", "status": "Running", "seconds": 61.0,
         "ended": 7, "running": 2, "planned": 12, "metric": "Accuracy", "best": 0.9736842105263158},
    ],
    "runs": [
        {**RUN, "run": "a-long-experiment_1764000000_0000000a", "status": "Running", "agent": "local", "reason": ""},
        {**RUN, "run": "a-long-experiment_1764000000_0000000b", "status": "Queued", "agent": "",
         "reason": "3 runs are ahead of it in the pool local, and no slot is free"},
    ],
    "endpoints": [
        {"endpoint": "iris", "workspace": "lab", "state": "Healthy", "requestsPerSecond": 12.345, "latencyP50": 0.0012,
         "latencyP99": 0.0345, "recentErrors": 2, "drift": 0.31},
    ],
    "builds": [{"build": "b1", "workspace": "lab", "state": "Building", "of": "sklearn:3", "progress": "3 of 12"}],
}  # fmt: skip


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, lines_of(OVERVIEW, width))) <= width


def test_in_80_columns_there_is_what_one_looks_for() -> None:
    text = "\n".join(lines_of(OVERVIEW, 80))
    for shown in (
        "1 running, 1 waiting",
        "1 of 2",
        "1 of 64",
        "Queued",
        "3 runs",
        "12.3",
        "34.5 ms",
        "0.31",
        "sklearn:3",
        "7 of 12",
        "Accuracy 0.973684",
    ):
        assert shown in text


def test_what_is_no_terminal_gets_it_once(server: FakeOrris) -> None:
    shown = CliRunner().invoke(app, ["top"])
    assert shown.exit_code == 0, shown.stderr
    assert "0 running, 0 waiting" in shown.stdout


def test_programs_get_json(server: FakeOrris) -> None:
    found = json.loads(CliRunner().invoke(app, ["top", "--json"]).stdout)
    assert {"agents", "sweeps", "runs", "endpoints", "builds", "machine"} <= found.keys()


def test_sweeps_are_shown_while_they_go_on(server: FakeOrris) -> None:
    names = [f"workspaces/lab/runs/iris_1764000000_0000000{number}" for number in range(2)]
    for name, state in zip(names, (runs_pb2.Run.STATE_RUNNING, runs_pb2.Run.STATE_COMPLETED), strict=True):
        run = runs_pb2.Run(name=name, kind=runs_pb2.RUN_KIND_SWEEP, state=state)
        server.runs.add(name)
        server.runs.runs[name] = run
        counts = sweeps_pb2.SweepCounts(total=5, running=2, waiting=1)
        server.sweeps.sweeps[name] = sweeps_pb2.Sweep(run=run, counts=counts, planned_trials=9, metric="loss")
    server.sweeps.sweeps[names[0]].best.best_value = 0.25
    (found,) = json.loads(CliRunner().invoke(app, ["top", "--json"]).stdout)["sweeps"]
    assert (found["name"], found["status"], found["best"]) == (names[0], "Running", 0.25)
    assert (found["ended"], found["running"], found["planned"]) == (2, 2, 9)
    assert "2 of 9" in CliRunner().invoke(app, ["top"]).stdout


def test_where_no_orris_answers_that_is_told(server: FakeOrris, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_ADDRESS", "127.0.0.1:1")
    assert CliRunner().invoke(app, ["top"]).exit_code != 0
