"""A compute target is this machine, and says so once."""

from __future__ import annotations

from typing import Any

import pytest

from azureml import _compute


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compute, "_created", {})
    monkeypatch.setattr(_compute, "_said", set())


def test_a_missing_target_raises_what_users_catch(ws: Any) -> None:
    from azureml.core.compute import AmlCompute, ComputeTarget
    from azureml.core.compute_target import ComputeTargetException
    from azureml.exceptions import ComputeTargetException as Same

    assert ComputeTargetException is Same
    for kind in (ComputeTarget, AmlCompute):
        with pytest.raises(ComputeTargetException, match="ComputeTargetNotFound"):
            kind(workspace=ws, name="cpu-cluster")


def test_a_created_target_is_an_aml_compute_and_says_once_where_it_is(
    ws: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from azureml.core.compute import AmlCompute, ComputeTarget

    config = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", min_nodes="0", max_nodes="4")
    target = ComputeTarget.create(ws, "cpu-cluster", config)
    target.wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    assert type(target) is AmlCompute
    assert type(ComputeTarget(ws, "cpu-cluster")) is AmlCompute
    assert type(ws.compute_targets["cpu-cluster"]) is AmlCompute
    assert [_compute.pool_of(each) for each in (target, "cpu-cluster", "local", None)] == ["local"] * 4
    printed = capsys.readouterr().out
    assert printed.count("this machine") == 1
    assert printed.endswith("Minimum number of nodes requested have been provisioned\n")


def test_status_is_of_the_machines_there_are(ws: Any) -> None:
    target = ws.get_default_compute_target("CPU")
    status = target.get_status().serialize()
    assert status["currentNodeCount"] == 1
    assert status["nodeStateCounts"]["idleNodeCount"] == 1
    assert status["scaleSettings"]["nodeIdleTimeBeforeScaleDown"] == "PT1800S"
