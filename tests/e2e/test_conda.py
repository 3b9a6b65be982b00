"""A conda file whose packages come from a conda channel: the run has what only that channel has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Orris, command_line

CONDA_FILE = "channels: [lab]\ndependencies:\n  - python\n  - nest\n  - pip:\n      - azureml-defaults\n"
SCRIPT = """\
import sys
import nest
from azureml.core import Run

print("nest", nest.__version__, "in", sys.prefix)
Run.get_context().log("nest", float(nest.__version__.split(".")[0]))
"""


@pytest.fixture
def orris(conda_lab: Path, tmp_path: Path) -> Iterator[Orris]:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "conda.yml").write_text(CONDA_FILE)
    (tmp_path / "project" / "train.py").write_text(SCRIPT)
    run = command_line(
        tmp_path / "home",
        tmp_path / "project",
        ORRIS_IMAGES_CONDA_CHANNELS=str(conda_lab),
        RATTLER_CACHE_DIR=str(tmp_path / "cache"),
    )
    run("up", "-d")
    yield run
    run("down")


def test_a_run_has_what_only_the_channel_has(orris: Orris, tmp_path: Path) -> None:
    done = orris("submit", "--conda", "conda.yml", "train.py")
    assert f"nest 7.0.1 in {tmp_path / 'home' / 'environments'}" in done.stdout
    run = json.loads(orris("runs", "list", "--json").stdout)[0]
    assert json.loads(orris("runs", "metrics", run["runId"], "--json").stdout)["nest"] == 7.0
    log = orris("runs", "logs", run["runId"], "--file", "azureml-logs/20_image_build_log.txt").stdout
    assert "resolving 2 conda packages in lab" in log
    assert "azureml-defaults is not installed" in log


def test_a_misspelt_package_fails_the_run_with_what_is_near(orris: Orris, tmp_path: Path) -> None:
    (tmp_path / "project" / "conda.yml").write_text(CONDA_FILE.replace("nest", "nesst"))
    done = orris("submit", "--conda", "conda.yml", "train.py", code=1)
    assert "there is no package nesst in the conda channels lab (near: nest)" in " ".join(
        (done.stdout + done.stderr).split()
    )
