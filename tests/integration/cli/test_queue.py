"""What the command line says of the queue, against a fake Orris."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orris.cli.main import app
from orris.runs.v1 import runs_pb2
from tests.fakes.services.server import FakeOrris

Invoke = Callable[..., Any]


@pytest.fixture
def orris(server: FakeOrris, source: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(source)
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")
    return lambda *arguments: CliRunner().invoke(app, [*arguments])


def test_a_priority_is_sent_and_shown(orris: Invoke, server: FakeOrris) -> None:
    run = orris("submit", "--no-wait", "--priority", "-7", "train.py").stdout.strip()
    (sent,) = server.runs.runs.values()
    assert sent.priority == -7
    assert json.loads(orris("runs", "show", run, "--json").stdout)["runDefinition"]["priority"] == -7
    assert "-7" in orris("runs", "show", run).stdout


def test_a_priority_that_is_none_is_refused_before_anything_is_sent(orris: Invoke, server: FakeOrris) -> None:
    result = orris("submit", "--priority", "101", "train.py")
    assert result.exit_code == 2
    assert not server.runs.runs


def test_an_experiments_runs_at_a_time_are_set_and_listed(orris: Invoke) -> None:
    orris("submit", "--experiment", "iris", "train.py")
    result = orris("experiments", "update", "iris", "--max-concurrent", "2")
    assert (result.exit_code, result.stderr) == (0, "iris: 2 runs at a time\n")
    assert "iris" in orris("experiments", "list").stdout
    (listed,) = json.loads(orris("experiments", "list", "--json").stdout)
    assert (listed["name"], listed["maxConcurrentRuns"]) == ("iris", 2)
    assert "any number of runs" in orris("experiments", "update", "iris", "--max-concurrent", "0").stderr


def test_attempts_and_reuse_are_sent_and_shown(orris: Invoke, server: FakeOrris) -> None:
    run = orris("submit", "--no-wait", "--max-retries", "3", "--reuse", "train.py").stdout.strip()
    (name, sent), *_ = server.runs.runs.items()
    assert (sent.max_retries, sent.reuse) == (3, True)
    error = runs_pb2.RunError(code=runs_pb2.RunError.CODE_AGENT_LOST, message="its agent was lost")
    attempt = runs_pb2.RunAttempt(number=1, agent="agents/a1", error=error)
    server.runs.set(name, attempt=2, failed_attempts=[attempt], reused_run="workspaces/lab/runs/other")
    shown = orris("runs", "show", run).stdout
    for text in ("2 of 4", "CODE_AGENT_LOST: its agent was lost", "other"):
        assert text in shown
    details = json.loads(orris("runs", "show", run, "--json").stdout)
    assert (details["attempt"], details["failedAttempts"][0]["agent"]) == (2, "a1")
    assert (details["runDefinition"]["maxRetries"], details["runDefinition"]["reuse"]) == (3, True)


def test_a_distribution_is_sent_and_shown(orris: Invoke, server: FakeOrris) -> None:
    run = orris("submit", "--no-wait", "--distribution", "joblib", "train.py").stdout.strip()
    (sent,) = server.runs.runs.values()
    assert sent.distribution == runs_pb2.DISTRIBUTION_JOBLIB
    assert re.search(r"spread by +joblib", orris("runs", "show", run).stdout)
    details = json.loads(orris("runs", "show", run, "--json").stdout)
    assert details["runDefinition"]["distribution"] == "joblib"
