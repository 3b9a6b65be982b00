"""Runs and replicas that are processes get the memory that was asked for, and no more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Orris
from tests.e2e.processes import wait_until

HUNGRY = """
import time
held = []
while True:
    held.append(b"x" * 2**23)
    time.sleep(0.005)
"""
SCORE = """
def init():
    pass

def run(raw):
    held = []
    while True:
        held.append(b"x" * 2**23)
"""
BUSY = """
import time
held = b"x" * (100 * 2**20)
end = time.monotonic() + 5
while time.monotonic() < end:
    sum(range(1000))
"""
PLAIN = ("--environment", "orris-sklearn")


def shown(orris: Orris, run: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(orris("runs", "show", run, "--json").stdout)
    return found


def latest(orris: Orris) -> str:
    return str(json.loads(orris("runs", "list", "--limit", "1", "--json").stdout)[0]["runId"])


def test_a_run_that_needs_more_memory_than_it_asked_for_is_told_so(orris: Orris, tmp_path: Path) -> None:
    (tmp_path / "hungry.py").write_text(HUNGRY)
    said = orris("submit", *PLAIN, "--memory", "200MiB", "hungry.py", code=1)
    assert "200 MiB" in said.stderr
    error = shown(orris, latest(orris))["error"]["error"]
    assert error["details"][0]["code"] == "CODE_OUT_OF_MEMORY"
    assert "used" in error["message"]
    assert "was given 200 MiB" in error["message"]


def test_what_a_run_used_is_known_afterwards(orris: Orris, tmp_path: Path) -> None:
    (tmp_path / "busy.py").write_text(BUSY)
    orris("submit", *PLAIN, "--cpus", "1", "--memory", "1GiB", "busy.py")
    run = latest(orris)
    used = shown(orris, run)["usage"]
    samples = json.loads(orris("runs", "usage", run, "--json").stdout)
    assert 1 < used["cpuSeconds"] < 30
    assert 100 * 2**20 < used["maxMemoryBytes"] < 2**30
    assert samples
    assert all(0 <= each["cpus"] < 1.5 and each["memory_bytes"] > 100 * 2**20 for each in samples)
    assert "processors" in orris("runs", "usage", run).stdout


def test_a_replica_that_eats_its_memory_is_ended_and_the_endpoint_says_so(orris: Orris, tmp_path: Path) -> None:
    source = tmp_path / "source_dir"
    source.mkdir()
    (source / "score.py").write_text(SCORE)
    script = ("--code", "score.py", "--source", str(source), "--no-auth")
    orris("deploy", "--name", "hungry", *PLAIN, *script, "--cpus", "1", "--memory", "250MiB")
    try:
        orris("predict", "hungry", "--data", "[[1.0]]", code=1)
        wait_until(lambda: "250 MiB" in orris("endpoints", "logs", "hungry").stdout + _reason(orris))
    finally:
        orris("endpoints", "delete", "hungry")


def _reason(orris: Orris) -> str:
    return orris("endpoints", "show", "hungry").stdout
