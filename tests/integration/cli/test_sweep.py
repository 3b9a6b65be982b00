"""`orris sweep` and `orris sweeps` against a fake Orris: what is asked for, and what is shown in 80 and 50 columns."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from orris import ScriptRunConfig, SweepConfig, Workspace
from orris.cli.main import app
from orris.cli.sweep_file import parse_parameter, read_sweep
from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2, sweeps_pb2
from orris.sdk.sweep import Sweep, Trial
from orris.sdk.sweep_config import EarlyTermination
from orris.sdk.sweep_space import choice, loguniform, normal, quniform, randint, uniform
from orris.sdk.sweep_view import Lanes, lines_of
from tests.fakes.services.server import FakeOrris

FILE = """
script: train.py
arguments: [--epochs, 3]
experiment: tuned
space:
  kernel: [linear, rbf]
  penalty: {choice: [0.5, 1.0]}
  degree: {choice: [2, 3], when: {kernel: [rbf]}}
sampling: {method: grid, seed: 7}
metric: {name: Accuracy, goal: maximize}
policy: {bandit: {slack_factor: 0.2}, delay_evaluation: 5}
limits: {max_total_runs: 20, max_concurrent_runs: 4, max_duration_minutes: 60}
"""
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def asked(server: FakeOrris) -> sweeps_pb2.Sweep:
    sweep: sweeps_pb2.Sweep = server.called("CreateSweep")[-1].request.sweep
    return sweep


@pytest.fixture
def folder(source: Path, monkeypatch: pytest.MonkeyPatch, lab: Workspace) -> Path:
    monkeypatch.chdir(source)
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")
    return source


def test_a_file_says_all_of_it(server: FakeOrris, folder: Path) -> None:
    (folder / "sweep.yml").write_text(FILE)
    done = run("sweep", "sweep.yml")
    assert done.exit_code == 0, done.output
    sweep = asked(server)
    assert sweep.run.experiment == "workspaces/lab/experiments/tuned"
    assert (sweep.trial.script, list(sweep.trial.arguments)) == ("train.py", ["--epochs", "3"])
    assert [each.name for each in sweep.parameters] == ["kernel", "penalty", "degree"]
    assert sweep.parameters[2].condition.parameter == "kernel"
    assert sweep.parameters[2].condition.values[0].text == "rbf"
    assert sweep.sampling == sweeps_pb2.SweepSampling(method=sweeps_pb2.SweepSampling.METHOD_GRID, seed=7)
    assert (sweep.metric, sweep.goal) == ("Accuracy", sweeps_pb2.Sweep.GOAL_MAXIMIZE)
    assert (sweep.policy.bandit.slack_factor, sweep.policy.delay_evaluation) == (0.2, 5)
    assert (sweep.max_total_runs, sweep.max_concurrent_runs, sweep.max_duration.seconds) == (20, 4, 3600)


def test_a_sweep_learns_from_an_earlier_one_and_tries_some_of_its_trials_first(server: FakeOrris, folder: Path) -> None:
    options = ("sweep", "--param", "x=choice:1,2", "--metric", "m")
    run(*options, "train.py")
    earlier = next(iter(server.sweeps.sweeps)).rpartition("/")[2]
    done = run(*options, "--resume-from", earlier, "--resume-run", f"{earlier}_1", "train.py")
    assert done.exit_code == 0, done.output
    expected = ([f"workspaces/lab/runs/{earlier}"], [f"workspaces/lab/runs/{earlier}_1"])
    assert (list(asked(server).resume_from), list(asked(server).resume_runs)) == expected
    text = f"script: train.py\nspace: {{x: [1]}}\nmetric: m\nresume_from: [{earlier}]\nresume_runs: [{earlier}_1]"
    (folder / "sweep.yml").write_text(text)
    assert run("sweep", "sweep.yml").exit_code == 0
    assert (list(asked(server).resume_from), list(asked(server).resume_runs)) == expected
    missing = run(*options, "--resume-from", "nothing", "train.py")
    assert (missing.exit_code, "nothing" in missing.output) == (3, True)


def test_options_are_the_quick_way_and_arguments_behind_the_script_are_its_own(server: FakeOrris, folder: Path) -> None:
    options = ("--param", "kernel=choice:linear,rbf", "--param", "C=choice:1,2.5", "--metric", "Accuracy")
    done = run("sweep", *options, "--goal", "minimize", "--distribution", "joblib", "--json", "train.py", "--verbose")
    assert done.exit_code == 0, done.output
    sweep = asked(server)
    assert sweep.trial.distribution == runs_pb2.DISTRIBUTION_JOBLIB
    assert list(sweep.trial.arguments) == ["--verbose"]
    assert sweep.run.experiment.endswith("/train")
    kinds = [value.WhichOneof("kind") for value in sweep.parameters[1].choice.values]
    assert kinds == ["integer", "number"], "1 stays a whole number"
    shown = json.loads(done.stdout)
    assert shown["status"] == "Completed"
    assert [each["hyperparameters"] for each in shown["trials"]] == [
        {"C": 1, "kernel": "linear"},
        {"C": 2.5, "kernel": "linear"},
        {"C": 1, "kernel": "rbf"},
        {"C": 2.5, "kernel": "rbf"},
    ]
    assert shown["best"]["hyperparameters"] == {"C": 1, "kernel": "rbf"}, "the smallest"


def test_a_hyperparameter_that_is_given_twice_is_refused(server: FakeOrris, folder: Path) -> None:
    options = ("--param", "x=choice:1,2", "--param", "C=choice:1", "--param", "x=choice:3", "--metric", "m")
    done = run("sweep", *options, "train.py")
    assert (done.exit_code, "--param" in done.output) == (2, True)
    assert "'x': it is there twice; give it once" in " ".join(done.output.replace("│", " ").split())
    assert not server.sweeps.sweeps


def test_options_behind_the_script_are_the_scripts_and_it_is_said(server: FakeOrris, folder: Path) -> None:
    told = "put options of Orris before train.py"
    wrong = run("sweep", "train.py", "--param", "x=choice:1", "--metric=m", "--own")
    assert (wrong.exit_code, f"--param, --metric: the script gets what stands behind it; {told}" in wrong.output) == (
        2,
        True,
    )
    done = run("sweep", "--param", "x=choice:1", "--metric", "m", "train.py", "--seed", "3")
    assert done.exit_code == 0
    assert f"warning: --seed: the script gets what stands behind it; {told}" in done.stderr
    assert list(asked(server).trial.arguments) == ["--seed", "3"]
    assert told in run("submit", "--no-wait", "train.py", "--conda", "x.yml").stderr
    assert "warning" not in run("submit", "--no-wait", "train.py", "--epochs", "3").stderr


def test_what_is_no_terminal_gets_each_end_and_the_whole(server: FakeOrris, folder: Path) -> None:
    done = run("sweep", "--param", "x=choice:1,2", "--metric", "m", "train.py")
    assert "trial 1 Completed: m " in done.stderr
    assert "best: trial 0" in done.stderr


def test_a_metric_that_nobody_logs_is_told_of_as_the_first_trial_ends(server: FakeOrris, folder: Path) -> None:
    server.sweeps.value_of = lambda values: None
    done = run("sweep", "--param", "x=choice:1,2,3,4", "--metric", "m", "train.py")
    lines = done.stderr.splitlines()
    first = lines.index("warning: trial 0 completed without logging 'm'")
    assert first < lines.index("trial 3 Completed: m -, x=4")
    assert "best: no trial has logged 'm'" in lines


def test_sweeps_are_listed_and_shown_with_the_best_first(server: FakeOrris, folder: Path) -> None:
    server.sweeps.value_of = lambda values: None if values["x"] == 2 else float(values["x"])
    run("sweep", "--param", "x=choice:1,2,3", "--metric", "m", "train.py")
    sweep = server.called("CreateSweep")[-1].request.sweep.run.name or next(iter(server.sweeps.sweeps))
    shown = run("sweeps", "show", sweep.rpartition("/")[2])
    assert shown.exit_code == 0, shown.output
    rows = [line.split()[0] for line in shown.stdout.splitlines() if line[:1].isdigit()]
    assert rows == ["2", "0", "1"]
    assert run("sweeps", "show", "none").exit_code != 0


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("metric: m", "give `space:` and `metric:`"),
        ("space: {x: [1]}\nmetric: m\nlimit: {}", "limit is not known"),
        ("space: {x: {range: [1, 2]}}\nmetric: m", "range is not known"),
        ("space: {x: {uniform: [1]}}\nmetric: m", "uniform takes min_value, max_value; 1 given"),
        ("space: {x: {uniform: [1, 2], randint: 3}}\nmetric: m", "give one of"),
        ("space: {x: [1]}\nmetric: m\npolicy: {bandit: {slack: 1}}", "slack"),
        ("space: [1]\nmetric: m", "keys and values are expected"),
        ("space: {x: [1]}\nmetric: m\nscript: 3", "script: a text is expected, not 3"),
        ("space: {x: [1]}\nmetric: m\nresume_from: last", "resume_from: a list is expected"),
        ("{", "sweep.yml"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(tmp_path: Path, text: str, remedy: str) -> None:
    file = tmp_path / "sweep.yml"
    file.write_text(text)
    with pytest.raises(InvalidArgument) as caught:
        read_sweep(file)
    assert remedy in caught.value.message


@pytest.mark.parametrize("text", ["x", "x=1", "x=range:1,2", "=choice:1"])
def test_a_wrong_parameter_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidArgument, match="for example"):
        parse_parameter(text)


def test_values_are_what_they_look_like() -> None:
    _, expression = parse_parameter("x=choice:1,1.0,true,None,-3e2")
    assert expression.arguments == (1, 1.0, True, "None", -300.0)
    assert [type(each) for each in expression.arguments] == [int, float, bool, str, float]
    assert parse_parameter("kernel=choice:linear, rbf")[1].arguments == ("linear", "rbf")


def test_wrong_expressions_are_refused_before_anything_is_uploaded(lab: Workspace, source: Path) -> None:
    script = ScriptRunConfig(source, "train.py")
    for space, words in (
        ({"x": 3}, "choice"),
        ({"x": uniform("a", 2)}, "uniform takes 2 numbers"),  # type: ignore[arg-type]
        ({"x": quniform(1, 2, 0)}, "q is a number over 0"),
        ({"x": randint(0)}, "over 0"),
        ({"x": choice(None, 1)}, "not None"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            SweepConfig(script, space, "m").to_message(lab)
    with pytest.raises(InvalidArgument, match="none of grid"):
        SweepConfig(script, {"x": choice(1)}, "m", sampling="magic").to_message(lab)
    with pytest.raises(InvalidArgument, match="either slack_factor or slack_amount"):
        SweepConfig(script, {"x": choice(1)}, "m", policy=EarlyTermination("bandit")).to_message(lab)


def test_a_grid_is_the_default_where_all_are_choices(source: Path) -> None:
    script = ScriptRunConfig(source, "train.py")
    assert SweepConfig(script, {"x": choice(1, 2)}, "m").method == "grid"
    assert SweepConfig(script, {"x": choice(1, 2), "y": normal(0, 1)}, "m").method == "random"
    assert SweepConfig(script, {"x": loguniform(0, 1)}, "m", sampling="Bayesian").method == "tpe"


def going_on() -> tuple[Sweep, dict[int, Trial]]:
    message = sweeps_pb2.Sweep(metric="Accuracy", goal=sweeps_pb2.Sweep.GOAL_MAXIMIZE, planned_trials=12)
    name = "workspaces/lab/runs/iris_1764000000_0000000a"
    message.run.MergeFrom(runs_pb2.Run(name=name, state=runs_pb2.Run.STATE_RUNNING))
    message.run.create_time.FromDatetime(NOW - timedelta(minutes=1))
    message.run.warnings.append("trial 3 (iris_1764000000_0000000a_3) completed without logging 'Accuracy' as a number")
    message.max_duration.FromSeconds(86_400)
    message.counts.MergeFrom(
        sweeps_pb2.SweepCounts(total=6, running=2, completed=2, early_stopped=1, failed=1, without_metric=1)
    )
    trials = {}
    states = ["Completed", "EarlyStopped", "Failed", "Completed", "Running", "Queued"]
    for number, status in enumerate(states):
        ended = status not in ("Running", "Queued")
        best = None if status in ("Failed", "Queued") else 0.9 + number / 100
        values: dict[str, Any] = {"kernel": "linear", "penalty": 0.5 * number, "a-rather-long-name": "x" * 30}
        trials[number] = Trial(
            number, f"iris_{number}", values, status, "", best, best, 3, NOW - timedelta(seconds=10 - number),
            NOW if ended else None, "", ended,
        )  # fmt: skip
    message.best.number, message.best.best_value = 3, 0.93
    message.best.hyperparameters["kernel"].text = "linear"
    return Sweep(Workspace("lab", "127.0.0.1:1"), message), trials


@pytest.mark.parametrize("width", [50, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    sweep, trials = going_on()
    lines = lines_of(sweep, trials, Lanes().seat(trials), width, NOW)
    assert max(map(len, lines)) <= width


@pytest.mark.parametrize("width", [50, 80])
def test_even_in_50_columns_there_is_what_one_looks_for(width: int) -> None:
    sweep, trials = going_on()
    text = "\n".join(lines_of(sweep, trials, Lanes().seat(trials), width, NOW))
    for shown in ("4 of 12 trials ended", "ETA ", "2 running", "best: trial 3, Accuracy 0.93", "LANE", "penalty"):
        assert shown in text, text
    assert "warning: trial 3" in text
    assert "a-rather-long-name" not in text, "what all trials have alike tells nothing"


@pytest.mark.parametrize("width", [50, 80])
def test_why_it_failed_and_what_it_warns_of_is_read_to_the_end_in_any_terminal(width: int) -> None:
    sweep, trials = going_on()
    sweep.message.state = runs_pb2.Run.STATE_FAILED
    sweep.message.error.message = f"all 4 trials failed; trial 0 ({sweep.id}_0): unrecognized arguments: --penalty"
    lines = lines_of(sweep, trials, [], width, NOW)
    assert max(map(len, lines)) <= width
    text = " ".join(lines)
    assert "unrecognized arguments: --penalty" in text
    assert "completed without logging 'Accuracy' as a number" in text


def test_a_trial_keeps_its_lane_and_a_new_one_takes_a_free_one() -> None:
    _, trials = going_on()
    lanes = Lanes()
    assert [trial and trial.number for trial in lanes.seat(trials)] == [4], "one that waits has none"
    trials[5] = replace(trials[5], status="Running")
    assert [trial and trial.number for trial in lanes.seat(trials)] == [4, 5]
    trials[4] = replace(trials[4], finished=True)
    for number in (6, 7):
        trials[number] = replace(trials[5], number=number)
    assert [trial and trial.number for trial in lanes.seat(trials)] == [6, 5, 7]
