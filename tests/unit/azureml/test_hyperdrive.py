"""HyperDrive with Azure's names: what is submitted, and what comes back."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pytest

from azureml.exceptions import NotSupportedException, UserErrorException
from orris.runs.v1 import sweeps_pb2
from tests.fakes.services.server import FakeOrris

# Its types are not those that the functions ask for.
np: Any = numpy


def config(**options: Any) -> Any:
    from azureml.core import ScriptRunConfig
    from azureml.train.hyperdrive import GridParameterSampling, HyperDriveConfig, PrimaryMetricGoal, choice

    given = {
        "run_config": ScriptRunConfig(source_directory=".", script="train.py", arguments=["--data", "x"]),
        "hyperparameter_sampling": GridParameterSampling({"--C": choice(1, 2), "kernel": choice(["linear", "rbf"])}),
        "primary_metric_name": "Accuracy",
        "primary_metric_goal": PrimaryMetricGoal.MAXIMIZE,
        "max_total_runs": 10,
        "max_concurrent_runs": 2,
        **options,
    }
    return HyperDriveConfig(**given)


def submitted(ws: Any, **options: Any) -> Any:
    from azureml.core import Experiment

    return Experiment(ws, "iris").submit(config(**options), tags={"who": "me"})


def asked(orris: FakeOrris) -> sweeps_pb2.Sweep:
    sweep: sweeps_pb2.Sweep = orris.called("CreateSweep")[-1].request.sweep
    return sweep


def test_a_sweep_is_submitted_as_configured(ws: Any, orris: FakeOrris) -> None:
    from azureml.train.hyperdrive import BanditPolicy, HyperDriveRun

    run = submitted(ws, policy=BanditPolicy(slack_factor=0.1, evaluation_interval=2, delay_evaluation=5))
    assert isinstance(run, HyperDriveRun)
    assert run.type == "hyperdrive"
    sweep = asked(orris)
    assert [each.name for each in sweep.parameters] == ["--C", "kernel"]
    assert [each.text for each in sweep.parameters[1].choice.values] == ["linear", "rbf"]
    assert (sweep.policy.bandit.slack_factor, sweep.policy.evaluation_interval) == (0.1, 2)
    assert (sweep.max_total_runs, sweep.max_concurrent_runs, sweep.max_duration.seconds) == (10, 2, 10_080 * 60)
    assert dict(sweep.run.tags) == {"who": "me"}
    assert list(sweep.trial.arguments) == ["--data", "x"]
    assert run.wait_for_completion()["status"] == "Completed"
    assert isinstance(ws.get_run(run.id), HyperDriveRun)
    assert [type(each) for each in run.experiment.get_runs()] == [HyperDriveRun]


def test_what_comes_back_has_azures_shapes(ws: Any, orris: FakeOrris) -> None:
    orris.sweeps.value_of = lambda values: None if values == {"--C": 2, "kernel": "rbf"} else float(values["--C"])
    run = submitted(ws)
    best = run.get_best_run_by_primary_metric()
    assert best.id == f"{run.id}_2"
    children = run.get_children_sorted_by_primary_metric()
    assert [each["best_primary_metric"] for each in children] == [2.0, 1.0, 1.0, None]
    assert json.loads(children[0]["hyperparameters"]) == {"--C": 2, "kernel": "linear"}
    assert children[0].keys() == {"run_id", "hyperparameters", "best_primary_metric", "status"}
    assert len(run.get_children_sorted_by_primary_metric(top=2)) == 2
    assert len(run.get_children_sorted_by_primary_metric(discard_no_metric=True)) == 3
    assert json.loads(run.get_hyperparameters()[f"{run.id}_0"]) == {"--C": 1, "kernel": "linear"}
    assert run.get_metrics() == {
        f"{run.id}_{number}": {"Accuracy": value} for number, value in enumerate((1.0, 1.0, 2.0))
    }
    assert len(list(run.get_children())) == 4


def test_where_nobody_logs_the_metric_there_is_no_best(ws: Any, orris: FakeOrris) -> None:
    orris.sweeps.value_of = lambda values: None
    assert submitted(ws).get_best_run_by_primary_metric() is None


def test_wrong_spaces_are_refused_when_they_are_written(ws: Any) -> None:
    from azureml.train.hyperdrive import (
        BanditPolicy,
        BayesianParameterSampling,
        GridParameterSampling,
        RandomParameterSampling,
        TruncationSelectionPolicy,
        normal,
        uniform,
    )

    with pytest.raises(UserErrorException, match="GridParameterSampling takes choice, not uniform"):
        GridParameterSampling({"x": uniform(0, 1)})
    with pytest.raises(UserErrorException, match=r"BayesianParameterSampling takes .* not normal"):
        BayesianParameterSampling({"x": normal(0, 1)})
    with pytest.raises(UserErrorException, match="give an expression"):
        RandomParameterSampling({"x": [1, 2]})
    with pytest.raises(UserErrorException, match="either slack_factor or slack_amount"):
        BanditPolicy(slack_factor=0.1, slack_amount=1)
    with pytest.raises(UserErrorException, match="1 to 99"):
        TruncationSelectionPolicy(100)
    with pytest.raises(UserErrorException, match="max_total_runs: 1 to 1,000"):
        config(max_total_runs=0)
    with pytest.raises(UserErrorException, match="at most max_total_runs"):
        config(max_concurrent_runs=11)
    with pytest.raises(NotSupportedException, match="pipeline"):
        config(pipeline=object())
    with pytest.raises(NotSupportedException, match="give a ScriptRunConfig"):
        config(run_config=None)


def test_numpys_arrays_and_numbers_are_taken(ws: Any) -> None:
    from azureml.train.hyperdrive import (
        BanditPolicy,
        RandomParameterSampling,
        TruncationSelectionPolicy,
        choice,
        randint,
        uniform,
    )

    space = {"a": choice(np.arange(3)), "b": uniform(np.float32(0.5), np.int64(2)), "c": randint(np.int64(5))}
    sampling = RandomParameterSampling(space, {"seed": np.int64(7)})
    limits = {"max_total_runs": np.int64(5), "max_concurrent_runs": np.int32(2), "max_duration_minutes": np.float64(90)}
    policy = BanditPolicy(slack_factor=np.float64(0.5), evaluation_interval=np.int64(3))
    message = config(hyperparameter_sampling=sampling, policy=policy, **limits).to_orris(ws).to_message(ws)
    assert [each.integer for each in message.parameters[0].choice.values] == [0, 1, 2]
    assert (message.parameters[1].uniform.minimum, message.parameters[2].randint.upper) == (0.5, 5)
    assert (message.max_total_runs, message.max_concurrent_runs, message.max_duration.seconds) == (5, 2, 5400)
    assert (message.sampling.seed, message.policy.bandit.slack_factor) == (7, 0.5)
    worst = TruncationSelectionPolicy(np.int64(20)).to_orris
    assert worst is not None
    assert worst.to_message().truncation_selection.percentage == 20


def test_wrong_policies_and_limits_are_refused_when_they_are_written(ws: Any) -> None:
    from azureml.train.hyperdrive import (
        BanditPolicy,
        MedianStoppingPolicy,
        RandomParameterSampling,
        TruncationSelectionPolicy,
        choice,
    )

    with pytest.raises(UserErrorException, match="slack_factor: a number over 0 is expected, not 'x'"):
        BanditPolicy(slack_factor="x")
    with pytest.raises(UserErrorException, match="evaluation_interval: a whole number from 1"):
        MedianStoppingPolicy(evaluation_interval=0)
    with pytest.raises(UserErrorException, match="truncation_percentage: 1 to 99, a whole number, not 'x'"):
        TruncationSelectionPolicy("x")
    with pytest.raises(UserErrorException, match="exclude_finished: true or false"):
        TruncationSelectionPolicy(5, exclude_finished_jobs="x")
    with pytest.raises(UserErrorException, match="seed is a whole number, not 'x'"):
        _ = RandomParameterSampling({"x": choice(1)}, {"seed": "x"}).seed
    with pytest.raises(UserErrorException, match="max_total_runs: 1 to 1,000, a whole number, not 'x'"):
        config(max_total_runs="x")
    with pytest.raises(UserErrorException, match="max_concurrent_runs: 1 to 100, a whole number"):
        config(max_concurrent_runs=1.5)
    with pytest.raises(UserErrorException, match="max_duration_minutes: 1 to 10,080, not nan"):
        config(max_duration_minutes=float("nan"))
    with pytest.raises(UserErrorException, match="policy: give a BanditPolicy"):
        config(policy="bandit")


def test_sampling_and_goals_are_orris_own(ws: Any, orris: FakeOrris) -> None:
    from azureml.train.hyperdrive import (
        BayesianParameterSampling,
        MedianStoppingPolicy,
        NoTerminationPolicy,
        PrimaryMetricGoal,
        RandomParameterSampling,
        TruncationSelectionPolicy,
        choice,
        loguniform,
    )

    space = {"x": choice(range(3)), "y": loguniform(-3, 1)}
    method = sweeps_pb2.SweepSampling
    for sampling, expected in (
        (RandomParameterSampling(space), method.METHOD_RANDOM),
        (RandomParameterSampling(space, {"seed": 5, "rule": "sobol"}), method.METHOD_SOBOL),
        (BayesianParameterSampling(space), method.METHOD_TPE),
    ):
        made = config(hyperparameter_sampling=sampling, primary_metric_goal=PrimaryMetricGoal.MINIMIZE).to_orris(ws)
        message = made.to_message(ws)
        assert message.sampling.method == expected
        assert message.goal == sweeps_pb2.Sweep.GOAL_MINIMIZE
    assert [each.integer for each in message.parameters[0].choice.values] == [0, 1, 2]
    policies = [
        config(policy=policy).to_orris(ws).to_message(ws).policy.WhichOneof("kind")
        for policy in (MedianStoppingPolicy(), TruncationSelectionPolicy(20), NoTerminationPolicy())
    ]
    assert policies == ["median_stopping", "truncation_selection", None]


def test_run_details_shows_a_sweep(ws: Any, orris: FakeOrris, capsys: pytest.CaptureFixture[str]) -> None:
    from azureml.widgets import RunDetails

    run = submitted(ws)
    RunDetails(run).show()
    shown = capsys.readouterr().out
    assert f"Sweep {run.id}" in shown
    assert "best: trial" in shown


def test_in_a_terminal_each_view_takes_the_place_of_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    from azureml._widgets import _show_in_terminal

    _show_in_terminal(iter([["Status: Running", "loss: 1"], ["Status: Completed"]]))
    up_and_clear = "\x1b[2F\x1b[J"
    assert capsys.readouterr().out == f"Status: Running\nloss: 1\n{up_and_clear}Status: Completed\n"


def test_in_a_notebook_the_view_goes_on_beside_the_cells(ws: Any, orris: FakeOrris, project: Any) -> None:
    """What is shown is one output, replaced as the sweep goes on; the cell does not wait for it."""
    import nbclient
    import nbformat

    run = submitted(ws)
    source = f"""
import time
from azureml.core import Workspace
from azureml.widgets import RunDetails
run = Workspace.from_config().get_run({run.id!r})
RunDetails(run).show()
"""
    shown = "import threading; [each.join() for each in threading.enumerate() if each.name == 'RunDetails']"
    v4: Any = nbformat.v4
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source), v4.new_code_cell(shown)])
    nbclient.NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(project)}}).execute()
    (output,) = notebook.cells[0].outputs
    assert f"Sweep {run.id}" in output["data"]["text/html"]
    assert "best: trial" in output["data"]["text/html"]
