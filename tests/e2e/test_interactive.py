"""Runs that a program is, told from inside a notebook and seen by others."""

from __future__ import annotations

import math
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orris import Environment, Experiment, Run, ScriptRunConfig, Workspace
from orris.errors import FailedPrecondition, NotFound, OrrisError
from tests.e2e.conftest import Orris, environment_of


@pytest.fixture
def experiment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    for name in ("ORRIS_ADDRESS", "ORRIS_TOKEN", "ORRIS_TOKEN_FILE", "ORRIS_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORRIS_HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder := tmp_path / "notebooks").mkdir()
    (folder / "notebook.py").write_text("print('hello')\n")
    monkeypatch.chdir(folder)
    return Experiment(Workspace("default"), "notebook")


def again(run: Run) -> Run:
    """Return the run as somebody else gets it."""
    return Run.get(Workspace("default"), run.id)


def test_all_that_is_told_is_recorded(experiment: Experiment, tmp_path: Path) -> None:
    with experiment.start_logging(display_name="a look", tags={"who": "ada"}) as run:
        assert again(run).status == "Running"
        values = [0.5, math.nan, math.inf, -math.inf]
        for step, value in enumerate(values):
            run.log("loss", value, step=step)
        run.log_list("list", range(3))
        run.log_row("row", x=1, y="a")
        run.log_table("table", {"x": [1, 2], "y": [0.5]})
        run.log("note", "text")
        run.log_confusion_matrix(
            "matrix", {"schema_type": "confusion_matrix", "schema_version": "v1", "data": {"matrix": [[1]]}}
        )
        run.tag("seen", "yes")
        run.add_properties({"p": 1})
        Path("outputs/deep").mkdir(parents=True)
        Path("outputs/deep/model.bin").write_bytes(b"model")
        run.upload_file("extra/notes.txt", "notebook.py")
    found = again(run)
    assert (found.status, found.name, found.tags) == ("Completed", "a look", {"who": "ada", "seen": "yes"})
    metrics = found.get_metrics()
    assert [str(value) for value in metrics["loss"]] == [str(value) for value in values]
    assert metrics["list"] == [0, 1, 2]
    assert metrics["row"] == {"x": [1], "y": ["a"]}
    assert metrics["table"] == {"x": [1, 2], "y": [0.5, None]}
    assert metrics["note"] == "text"
    assert metrics["matrix"].startswith("aml://artifactId/")
    points = list(found.get_metric_points("loss"))
    assert [point.step for point in points] == [0, 1, 2, 3]
    assert all(point.time is not None for point in points)
    summary = found.get_metric_summaries()["loss"]
    assert (summary.count, summary.minimum, summary.maximum, summary.last.value) == (4, -math.inf, math.inf, -math.inf)
    names = found.get_file_names()
    assert {"outputs/deep/model.bin", "extra/notes.txt"} <= set(names)
    assert Path(found.download_file("outputs/deep/model.bin", tmp_path / "m")).read_bytes() == b"model"
    with zipfile.ZipFile(found.restore_snapshot(path=tmp_path / "zips")) as archive:
        assert "notebook.py" in archive.namelist()
    found.restore_snapshot(path=tmp_path / "plain", extract=True)
    assert (tmp_path / "plain" / "notebook.py").read_text() == "print('hello')\n"
    details = found.get_details()
    assert details["properties"]["ContentSnapshotId"] == found.message.snapshot.rpartition("/")[2]
    found.upload_file("later.txt", "notebook.py")
    assert set(found.get_file_names()) == {*names, "later.txt"}
    with pytest.raises(FailedPrecondition):
        run.log("loss", 1)


def test_an_exception_fails_the_run_and_goes_on(experiment: Experiment) -> None:
    with pytest.raises(ZeroDivisionError), experiment.start_logging(outputs=None, snapshot_directory=None) as run:
        run.log("before", 1)
        raise ZeroDivisionError("oh")
    found = again(run)
    assert (found.status, found.error) == ("Failed", "ZeroDivisionError: oh")
    assert found.get_metrics() == {"before": 1}
    assert found.get_details()["error"]["error"]["details"][0]["message"].count("ZeroDivisionError")
    failed = experiment.start_logging(outputs=None, snapshot_directory=None)
    failed.fail("bad data", error_code="DataProblem")
    assert again(failed).error_code == "DataProblem"


def test_a_run_that_somebody_canceled_says_so_when_it_is_told_more(experiment: Experiment) -> None:
    run = experiment.start_logging(outputs=None, snapshot_directory=None)
    again(run).cancel("enough")
    assert run.get_status() == "Canceled"
    with pytest.raises(OrrisError) as caught:  # at once, or when it is sent
        run.log("late", 1)
        run.flush()
    assert caught.value.reason == "LEASE_LOST"


def test_children_are_seen_and_end_with_their_parent(experiment: Experiment) -> None:
    with experiment.start_logging(outputs=None, snapshot_directory=None) as run:
        for number in range(3):
            with run.child_run(f"fold {number}") as child:
                child.log("score", number)
        left_open, other = run.create_children(tag_key="alpha", tag_values=[0.1, 0.2])
        left_open.log("score", 9)
        deep = left_open.child_run()
        deep.log("deep", 1)
        assert left_open.parent is not None
        assert left_open.parent.id == run.id
        assert [each.id for each in experiment.get_runs(limit=1)] == [run.id], "children are no runs of their own there"
    found = again(run)
    children = list(found.get_children())
    assert [child.name for child in reversed(children)][:3] == ["fold 0", "fold 1", "fold 2"]
    assert {child.status for child in children} == {"Completed"}
    assert [child.id for child in found.get_children(tags={"alpha": "0.2"})] == [other.id]
    assert len(list(found.get_children(recursive=True))) == 6
    metrics = found.get_metrics(recursive=True)
    assert metrics[deep.id] == {"deep": 1}
    assert sorted(each["score"] for each in metrics.values() if "score" in each) == [0, 1, 2, 9]


def test_what_a_run_takes_a_snapshot_of_can_be_had_back(experiment: Experiment, tmp_path: Path) -> None:
    with experiment.start_logging(outputs=None, snapshot_directory=None) as run:
        taken = run.take_snapshot(".")
        Path("notebook.py").write_text("changed")
    found = again(run)
    found.restore_snapshot(taken, tmp_path / "back", extract=True)
    assert (tmp_path / "back" / "notebook.py").read_text() == "print('hello')\n"
    with pytest.raises(NotFound):
        found.restore_snapshot()


def test_archived_and_deleted(experiment: Experiment) -> None:
    with experiment.start_logging(outputs=None, snapshot_directory=None) as run, run.child_run() as child:
        child.log("a", 1)
    found = again(run)
    found.archive()
    assert run.id not in [each.id for each in experiment.get_runs()]
    assert run.id in [each.id for each in experiment.get_runs(archived=True)]
    with pytest.raises(FailedPrecondition) as caught:
        found.delete()
    assert caught.value.reason == "RUN_HAS_CHILDREN"
    found.delete(children=True)
    for each in (run, child):
        with pytest.raises(NotFound):
            again(each)


def test_a_program_that_forgets_its_run_fails_it(experiment: Experiment, home: Path) -> None:
    script = (
        "from orris import Experiment, Workspace\n"
        "run = Experiment(Workspace('default'), 'notebook').start_logging(outputs=None, snapshot_directory=None)\n"
        "run.log('a', 1)\n"
        "print(run.id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment_of(home), capture_output=True, text=True, timeout=60, check=True
    )
    found = Run.get(Workspace("default"), done.stdout.strip())
    assert (found.status, found.get_metrics()) == ("Failed", {"a": 1})
    assert "without calling complete()" in found.error


def test_azures_names_do_the_same(experiment: Experiment, tmp_path: Path) -> None:
    from azureml.core import Experiment as AzureExperiment
    from azureml.core import Run as AzureRun
    from azureml.core import Workspace as AzureWorkspace
    from azureml.exceptions import UserErrorException

    workspace = AzureWorkspace(None, None, "default")
    azure = AzureExperiment(workspace, "notebook")
    with azure.start_logging(snapshot_directory=None) as run:
        assert run.type is None
        run.log("a", 1)
        with run.child_run("below") as child:
            child.log("b", 2)
        Path("outputs/x.txt").write_text("x")
        assert run.get_metrics() == {"a": 1}
    found = AzureRun.get(workspace, run.id)
    assert (found.status, found.get_details()["target"]) == ("Completed", "sdk")
    assert "outputs/x.txt" in found.get_file_names()
    (below,) = found.get_children()
    assert isinstance(below, AzureRun)
    assert (below.name, below.get_metrics(), below.parent.id) == ("below", {"b": 2}, run.id)
    with pytest.raises(UserErrorException, match="has ended"):
        run.log("late", 1)
    canceled = azure.start_logging(outputs="outputs", snapshot_directory=None)
    canceled.cancel()
    assert AzureRun.get(workspace, canceled.id).status == "Canceled"
    azure.archive()
    assert "notebook" not in [each.name for each in AzureExperiment.list(workspace)]
    assert "notebook" in [each.name for each in AzureExperiment.list(workspace, view_type="ArchivedOnly")]
    azure.reactivate()


def test_the_command_line_archives_and_deletes(experiment: Experiment, orris: Orris) -> None:
    with experiment.start_logging(outputs=None, snapshot_directory=None) as run:
        run.log("a", 1)
    assert "archived" in orris("runs", "archive", run.id).stderr
    assert run.id not in orris("runs", "list", "--json").stdout
    assert run.id in orris("runs", "list", "--json", "--archived").stdout
    orris("runs", "unarchive", run.id)
    assert run.id in orris("runs", "list", "--json").stdout
    assert "deleted" in orris("runs", "delete", run.id, "--yes").stderr
    orris("runs", "show", run.id, code=3)


def test_a_submitted_run_has_children_of_its_own(experiment: Experiment) -> None:
    """Cross-validation in one submission: a child for each fold, seen by who submitted it."""
    script = (
        "from azureml.core import Run\n"
        "run = Run.get_context()\n"
        "for fold in range(3):\n"
        "    with run.child_run('fold %d' % fold) as child:\n"
        "        child.log('score', fold)\n"
        "        child.upload_file('fold.txt', 'train.py')\n"
        "open_child = run.create_children(tag_key='left', tag_values=['open'])[0]\n"
        "open_child.child_run().log('deep', 1)\n"
        "print(sorted(each.status for each in run.get_children()))\n"
        "(left,) = run.get_children(tags='left')\n"
        "print(len(run.get_children(recursive=True)), left.id == open_child.id)\n"
        "run.log('own', 1)\n"
    )
    Path("train.py").write_text(script)
    environment = Environment.from_existing_interpreter("here", sys.executable)
    run = experiment.submit(ScriptRunConfig(".", "train.py", environment=environment))
    run.wait_for_completion()
    lines = run.get_logs().splitlines()
    assert lines[1] == "5 True", lines
    children = list(run.get_children())
    assert {child.status for child in children} == {"Completed"}
    folds = [child for child in reversed(children) if child.name.startswith("fold")]
    assert [fold.get_metrics() for fold in folds] == [{"score": number} for number in range(3)]
    assert all("fold.txt" in fold.get_file_names() for fold in folds)
    assert run.get_metrics() == {"own": 1}
    assert len(list(run.get_children(recursive=True))) == 5


def test_a_submitted_run_submits_others_and_sees_what_becomes_of_them(experiment: Experiment) -> None:
    """A search in one submission: with the run's own snapshot, or with sources that it has written itself."""
    Path("child.py").write_text(
        "import sys\n"
        "from azureml.core import Run\n"
        "run = Run.get_context()\n"
        "run.log('square', int(sys.argv[1]) ** 2)\n"
        "assert sys.argv[1] != '3', 'three is too many'\n"
    )
    Path("search.py").write_text(
        "import os, zipfile\n"
        "from azureml.core import Run, ScriptRunConfig\n"
        "run = Run.get_context()\n"
        "config = ScriptRunConfig(script='child.py', arguments=[2])\n"
        "child = run.submit_child(config, tags={'x': 2})\n"
        "print(child.wait_for_completion()['status'], child.get_metrics())\n"
        "bad = run.submit_child(ScriptRunConfig(script='child.py', arguments=[3]))\n"
        "print(bad.wait_for_completion(raise_on_error=False)['status'])\n"
        "os.makedirs('made')\n"
        "open('made/own.py', 'w').write(\"print('made inside')\")\n"
        "own = run.submit_child(ScriptRunConfig('made', 'own.py'))\n"
        "own.wait_for_completion()\n"
        "print([each.id == child.id for each in run.get_children(tags={'x': '2'})])\n"
        "print(sorted(zipfile.ZipFile(run.restore_snapshot(path='back')).namelist()))\n"
        "open('made/.amlignore', 'w').write('*.tmp\\n.aml*'); open('made/x.tmp', 'w').write('x')\n"
        "taken = run.take_snapshot('made')\n"
        "print(os.listdir(run.restore_snapshot(taken, 'again', extract=True)))\n"
        "from azureml.core import Model\n"
        "model = Model.register(run.experiment.workspace, 'made/own.py', 'made-inside')\n"
        "print(run.get_environment().name, model.version)\n"
    )
    environment = Environment.from_existing_interpreter("here", sys.executable)
    run = experiment.submit(ScriptRunConfig(".", "search.py", environment=environment))
    run.wait_for_completion()
    assert run.get_logs().splitlines() == [
        "Completed {'square': 4}",
        "Failed",
        "[True]",
        "['child.py', 'notebook.py', 'search.py']",
        "['own.py']",
        "here 1",
    ]
    own, bad, child = run.get_children()
    assert "three is too many" in bad.get_details()["error"]["error"]["message"]
    assert own.get_logs() == "made inside\n"
    assert [each.message.submitted_by for each in (own, bad, child)] == [run.message.submitted_by] * 3
    assert next(name for name in run.get_file_names() if name.startswith("snapshots/")).endswith("/own.py")
