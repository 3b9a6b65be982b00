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
from orris.sdk.sweep_policy import EarlyTermination
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


HUGE = "0x" + "f" * 5000  # Python does not write it down
# What a file says that is right but for one line, that line, and what is told of it: the field, and what may be there.
WRONG_LINES = [
    ("[1]", "the file: keys and values are expected, not [1]"),
    ("5", "the file: keys and values are expected, not 5"),
    (f"? {HUGE}\n: 1", "a number of thousands of digits is not known; there are arguments, environment"),
    ("arguments: -v", "arguments: a list is expected, not '-v'"),
    ('arguments: ["\\ud800"]', "arguments: '\\ud800' has half a character in it"),
    ("environment: 5", "environment: a text is expected, not 5"),
    ("experiment: [x]", "experiment: a text is expected, not ['x']"),
    ("resume_from: {a: 1}", "resume_from: a list is expected, not {'a': 1}"),
    ("resume_runs: 1", "resume_runs: a list is expected, not 1"),
    ("space: 5", "space: keys and values are expected, not 5"),
    ("space: null", "space: keys and values are expected, not None"),
    ("space: {1: [1]}", "space: a name is a text, not 1: put it in quotes"),
    ("space: {on: [1]}", "space: a name is a text, not True: put it in quotes"),
    ("space: {x: 5}", "space: x: keys and values are expected, not 5"),
    ("space: {x: [[1, 2]]}", "'x': a value is a finite number"),
    ("space: {x: [{a: 1}]}", "'x': a value is a finite number"),
    ("space: {x: [null]}", "'x': a value is a finite number"),
    ("space: {x: [.nan]}", "not nan"),
    ("space: {x: [2026-01-01]}", "'x': a value is a finite number"),
    (f"space: {{x: [{10**30}]}}", "if it is whole within 64 bits"),
    (f"space: {{x: [{HUGE}]}}", "not a number of thousands of digits"),
    ('space: {x: ["\\ud800"]}', "'x': a value is a finite number"),
    ('space: {"\\ud800": [1]}', "a name is a text"),
    ("space: {x: {uniform: [true, 2]}}", "'x': uniform takes 2 numbers (smallest, largest), not (True, 2)"),
    ("space: {x: {uniform: [a, 2]}}", "'x': uniform takes 2 numbers"),
    ("space: {x: {uniform: [0, .inf]}}", "'x': uniform takes 2 numbers"),
    (f"space: {{x: {{uniform: [0, {10**400}]}}}}", "'x': uniform takes 2 numbers"),
    ("space: {x: {uniform: {smallest: 1}}}", "x: uniform takes min_value, max_value; 1 given"),
    ("space: {x: {quniform: [0, 1, 0]}}", "'x': q is a number over 0"),
    ("space: {x: {randint: 1.5}}", "'x': upper is a whole number over 0"),
    ("space: {x: {randint: true}}", "'x': upper is a whole number over 0"),
    (f"space: {{x: {{randint: {2**63}}}}}", "no larger than 2**63 - 1"),
    ("space: {x: {choice: [1], when: [y]}}", "space: x: when: keys and values are expected"),
    ("space: {x: {choice: [1], when: {1: y}}}", "space: x: when: a name is a text, not 1"),
    ("space: {x: {choice: [1], when: {y: [[1]]}}}", "'x': a value is a finite number"),
    ("metric: 5", "metric: keys and values are expected, not 5"),
    ("metric: null", "metric: keys and values are expected, not None"),
    ("metric: 2026-02-30", "sweep.yml: "),
    ("metric: {goal: maximize}", "metric: give the `name:`"),
    ("metric: {name: 5}", "metric: a name is a text, not 5"),
    ("metric: {name: [m]}", "metric: a name is a text, not ['m']"),
    ('metric: "\\ud800"', "metric: the name of what the script logs is expected"),
    ("metric: {name: m, aim: maximize}", "metric: aim is not known; there are goal, name"),
    ("metric: {name: m, goal: 5}", "goal: 5 is neither 'maximize' nor 'minimize'"),
    ("metric: {name: m, goal: [maximize]}", "goal: ['maximize'] is neither"),
    ("metric: {name: m, goal: up}", "goal: 'up' is neither"),
    ("sampling: 5", "sampling: keys and values are expected, not 5"),
    ("sampling: []", "sampling: keys and values are expected, not []"),
    ("sampling: magic", "sampling: 'magic' is none of grid, random"),
    ("sampling: {method: 5}", "sampling: 5 is none of grid, random"),
    ("sampling: {method: [random]}", "sampling: ['random'] is none of grid, random"),
    ("sampling: {way: random}", "sampling: way is not known; there are method, seed"),
    ("sampling: {method: random, seed: x}", "seed: a whole number from -9,223,372,036,854,775,808 to"),
    ("sampling: {method: random, seed: 1.5}", "seed: a whole number"),
    ("sampling: {method: random, seed: true}", "seed: a whole number"),
    (f"sampling: {{method: random, seed: {2**63}}}", "seed: a whole number"),
    (f"sampling: {{method: random, seed: {HUGE}}}", "not a number of thousands of digits"),
    ("policy: 5", "policy: keys and values are expected, not 5"),
    ("policy: {}", "policy: give one of bandit, median_stopping"),
    ("policy: []", "policy: keys and values are expected, not []"),
    ("policy: magic", "policy: 'magic' is none of bandit, median_stopping"),
    ("policy: {magic: {}}", "policy: magic is not known; there are asha, bandit"),
    ("policy: {bandit: {slack_factor: 1}, asha: {}}", "policy: give one of bandit, median_stopping"),
    ("policy: {bandit: 5}", "policy: bandit: keys and values are expected, not 5"),
    ("policy: {bandit: 0}", "policy: bandit: keys and values are expected, not 0"),
    ("policy: {bandit: {}}", "policy: give either slack_factor or slack_amount"),
    ("policy: {bandit: {slack_factor: 1, slack_amount: 1}}", "policy: give either slack_factor or slack_amount"),
    ("policy: {bandit: {kind: asha}}", "policy: bandit: kind is not known; there are delay_evaluation"),
    ("policy: {bandit: {1: 2}}", "policy: bandit: 1 is not known"),
    ("policy: {bandit: {percentage: 5}}", "policy: bandit: percentage is not known"),
    ("policy: {bandit: {slack_factor: x}}", "slack_factor: a number over 0 is expected, not 'x'"),
    ("policy: {bandit: {slack_factor: true}}", "slack_factor: a number over 0 is expected, not True"),
    ("policy: {bandit: {slack_factor: .nan}}", "slack_factor: a number over 0 is expected, not nan"),
    ("policy: {bandit: {slack_factor: 0}}", "slack_factor: a number over 0 is expected, not 0"),
    ("policy: {bandit: {slack_amount: -1}}", "slack_amount: a number over 0 is expected, not -1"),
    (f"policy: {{bandit: {{slack_amount: {10**400}}}}}", "slack_amount: a number over 0 is expected, not 1000"),
    ("policy: {median_stopping: {}, evaluation_interval: 0}", "evaluation_interval: a whole number from 1 to"),
    ("policy: {median_stopping: {}, evaluation_interval: 1.5}", "evaluation_interval: a whole number from 1 to"),
    ("policy: {median_stopping: {}, evaluation_interval: true}", "evaluation_interval: a whole number from 1 to"),
    ("policy: {median_stopping: {}, delay_evaluation: -1}", "delay_evaluation: a whole number from 0 to"),
    ("policy: {median_stopping: {}, delay_evaluation: 9999999999}", "delay_evaluation: a whole number from 0 to"),
    ("policy: {median_stopping: {evaluation_interval: 1}, evaluation_interval: 1}", "evaluation_interval is not known"),
    ("policy: {truncation_selection: {}}", "percentage: a whole number from 1 to 99 is expected, not None"),
    ("policy: {truncation_selection: {percentage: 100}}", "percentage: a whole number from 1 to 99"),
    ("policy: {truncation_selection: {percentage: x}}", "percentage: a whole number from 1 to 99"),
    ("policy: {truncation_selection: {percentage: 5, exclude_finished: 1}}", "exclude_finished: true or false"),
    ("policy: {asha: {min_interval: 0}}", "min_interval: a whole number from 1 to"),
    ("policy: {asha: {reduction_factor: 1}}", "reduction_factor: a whole number from 2 to 100"),
    ("limits: 5", "limits: keys and values are expected, not 5"),
    ("limits: []", "limits: keys and values are expected, not []"),
    ("limits: {runs: 5}", "limits: runs is not known; there are max_concurrent_runs"),
    ("limits: {max_total_runs: x}", "max_total_runs: a whole number from 1 to 1,000 is expected, not 'x'"),
    ("limits: {max_total_runs: 0}", "max_total_runs: a whole number from 1 to 1,000"),
    ("limits: {max_total_runs: true}", "max_total_runs: a whole number from 1 to 1,000"),
    ("limits: {max_total_runs: 5.0}", "max_total_runs: a whole number from 1 to 1,000"),
    (f"limits: {{max_total_runs: {HUGE}}}", "max_total_runs: a whole number from 1 to 1,000"),
    ("limits: {max_concurrent_runs: 101}", "max_concurrent_runs: a whole number from 0 to 100"),
    ("limits: {max_concurrent_runs: [4]}", "max_concurrent_runs: a whole number from 0 to 100"),
    ('limits: {max_duration_minutes: "x"}', "max_duration_minutes: a number over 0 and at most 527,040"),
    ("limits: {max_duration_minutes: 0}", "max_duration_minutes: a number over 0"),
    ("limits: {max_duration_minutes: true}", "max_duration_minutes: a number over 0"),
    ("limits: {max_duration_minutes: .nan}", "max_duration_minutes: a number over 0"),
    (f"limits: {{max_duration_minutes: {HUGE}}}", "max_duration_minutes: a number over 0"),
    (f"limits: {{max_duration_minutes: {10**30}}}", "max_duration_minutes: a number over 0"),
    ("a: " + "[" * 5000, "it is nested too deeply"),
]


@pytest.mark.parametrize(("line", "remedy"), WRONG_LINES)
def test_whatever_is_wrong_in_a_file_is_told_by_its_field_and_nothing_begins(
    server: FakeOrris, folder: Path, line: str, remedy: str
) -> None:
    right = {"script": "script: train.py", "space": "space: {x: {uniform: [0, 1]}}", "metric": "metric: m"}
    lines = {**right, line.partition(":")[0]: line} if ":" in line else {"whole": line}
    (folder / "sweep.yml").write_text("\n".join(lines.values()))
    done = run("sweep", "sweep.yml")
    told = " ".join(done.stderr.split())
    assert (done.exit_code, told.startswith("orris: "), remedy in told) == (2, True, True), done.output
    assert not server.called("CreateSweep")


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
