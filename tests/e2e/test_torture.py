"""What `make torture` does at large, in small: everything is killed while runs go through."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris import Environment, Workspace
from tests.e2e.suite import Suite
from tests.e2e.torture import installation, torture

SEED = 11  # of what is killed when; how far each is then is chance enough


@pytest.fixture
def tormented(tmp_path: Path) -> Iterator[tuple[Suite, Workspace]]:
    before = dict(os.environ)
    try:
        with installation(tmp_path) as made:
            yield made
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.needs("pypi")
def test_nothing_is_lost_or_doubled_while_everything_is_killed(tormented: tuple[Suite, Workspace]) -> None:
    suite, workspace = tormented
    environment = Environment("torture", pip_packages=["iniconfig"])
    environment.build(workspace).wait_for_completion()
    report = torture(suite, workspace, environment, 30, random.Random(SEED))
    assert not report.faults, str(report)
    assert report.killed.total() >= 5, str(report)
    assert report.ended["Completed"] >= 20, str(report)
