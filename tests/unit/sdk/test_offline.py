"""Outside of a run, what is logged is printed in Azure's words."""

from __future__ import annotations

import pytest

from orris import Run
from orris.errors import FailedPrecondition


def test_metrics_are_printed_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.get_context()
    run.log("Accuracy", 0.97)
    run.log_list("alphas", range(2))
    run.log_row("table", x=1, y=2)
    run.log_row("table", x=3)
    assert run.id.startswith("OfflineRun_")
    assert capsys.readouterr().out.startswith("Attempted to log scalar metric Accuracy:\n0.97\n")
    assert run.get_metrics() == {"Accuracy": 0.97, "alphas": [0, 1], "table": {"x": [1, 3], "y": [2, None]}}


def test_files_and_tags_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.get_context()
    run.upload_file("outputs/m.pkl", "m.pkl")
    run.tag("quality", "good")
    assert capsys.readouterr().out == (
        "Attempted to track file outputs/m.pkl at m.pkl\nAttempted to add tag quality:\ngood\n"
    )
    assert run.get_tags() == {"quality": "good"}


def test_as_a_context_it_says_where_it_begins_and_how_it_ended(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.get_context()
    with pytest.raises(ZeroDivisionError), run:
        _ = 1 / 0
    assert f"[START] Run {run.id} context" in capsys.readouterr().out
    assert run.get_status() == "Failed"


def test_it_has_no_experiment_and_log_has_no_step() -> None:
    run = Run.get_context()
    assert not hasattr(run, "experiment")
    with pytest.raises(TypeError):
        run.log("a", 1, step=3)  # type: ignore[call-arg]


def test_it_can_be_refused() -> None:
    with pytest.raises(FailedPrecondition):
        Run.get_context(allow_offline=False)
