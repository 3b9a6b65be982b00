"""Runs that a notebook is, begun with Azure's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azureml.exceptions import NotSupportedException, UserErrorException
from tests.fakes.services.server import FakeOrris


@pytest.mark.parametrize(
    ("given", "kept"), [({}, "outputs"), ({"outputs": None}, "outputs"), ({"outputs": "mine"}, "mine")]
)
def test_a_folder_of_outputs_is_kept_unless_none_is_wanted(
    ws: Any, orris: FakeOrris, project: Path, given: dict[str, Any], kept: str
) -> None:
    from azureml.core import Experiment

    run = Experiment(ws, "notebook").start_logging(snapshot_directory=None, **given)
    (project / kept / "model.txt").write_text("1")
    run.complete()
    assert set(orris.artifacts.content(orris.runs.runs[run.resource_name].outputs)) == {f"{kept}/model.txt"}


def test_without_outputs_nothing_is_made_and_nothing_kept(ws: Any, orris: FakeOrris, project: Path) -> None:
    from azureml.core import Experiment

    run = Experiment(ws, "notebook").start_logging(outputs=False, snapshot_directory=None)
    assert not (project / "outputs").exists()
    run.complete()
    assert orris.runs.runs[run.resource_name].outputs == ""


def test_what_start_logging_does_not_know_is_refused(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import Experiment

    experiment = Experiment(ws, "notebook")
    for wrong in ("", True):
        with pytest.raises(UserErrorException, match="outputs: give the name of a folder, or False"):
            experiment.start_logging(outputs=wrong)
    with pytest.raises(NotSupportedException, match=r"start_logging\(output=\.\.\.\)"):
        experiment.start_logging(output="mine")
    with pytest.raises(NotSupportedException, match=r"start_logging\(args=\.\.\.\)"):
        experiment.start_logging("mine")
    assert not orris.runs.runs
