"""A conda file that asks for Python 3.6 works on a machine without one, and everybody is told."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Orris, command_line

PROJECT = Path(__file__).parents[2] / "demo" / "train_iris"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Orris]:
    """An instance on a machine whose only Python is the one of the tests: no version manager, nothing on PATH."""
    programs, home = tmp_path / "bin", tmp_path / "home"
    programs.mkdir()
    for name in ("uname", "ldd", "sh"):  # what uv asks to know the platform
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    nothing = {"PATH": str(programs), "HOME": str(tmp_path), "PYENV_ROOT": str(tmp_path), "XDG_CACHE_HOME": cache}
    shutil.copytree(PROJECT, tmp_path / "project")
    run = command_line(home, tmp_path / "project", **nothing)
    run("up", "-d")
    yield run
    run("down")


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="packages of Python 3.12's time have no np.str any more")
def test_packages_of_the_substitutes_time_run_the_old_script_with_a_loud_warning(machine: Orris) -> None:
    script = ("train_iris.py", "--kernel", "linear", "--penalty", "1.0")
    done = machine("submit", "--conda", "conda_dependencies.yml", *script)
    assert "Accuracy of SVM classifier on test set: 0.97" in done.stdout
    run = json.loads(machine("runs", "list", "--json").stdout)[0]
    assert json.loads(machine("runs", "metrics", run["runId"], "--json").stdout)["Accuracy"] == 0.9736842105263158
    log = machine("runs", "logs", run["runId"], "--file", "azureml-logs/20_image_build_log.txt").stdout
    assert "WARNING" in log
    assert "numpy==1.23.5" in log
    shown = machine("runs", "show", run["runId"]).stdout
    assert "3.6.2" in shown
    assert "3.11" in shown
