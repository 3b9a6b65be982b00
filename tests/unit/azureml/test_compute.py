"""A compute target is a pool of the installation, under Azure's names."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from orris.runs.v1 import pools_service_pb2, runs_pb2
from tests.fakes.services.server import FakeOrris

Node = pools_service_pb2.Node


def create(ws: Any, name: str = "cpu-cluster", **asked: Any) -> Any:
    from azureml.core.compute import AmlCompute, ComputeTarget

    config = AmlCompute.provisioning_configuration(**{"vm_size": "STANDARD_D2_V2", "max_nodes": "4", **asked})
    return ComputeTarget.create(ws, name, config)


def test_a_missing_target_raises_what_users_catch(ws: Any) -> None:
    from azureml.core.compute import AmlCompute, ComputeTarget
    from azureml.core.compute_target import ComputeTargetException
    from azureml.exceptions import ComputeTargetException as Same

    assert ComputeTargetException is Same
    for kind in (ComputeTarget, AmlCompute):
        with pytest.raises(ComputeTargetException, match="ComputeTargetNotFound"):
            kind(workspace=ws, name="cpu-cluster")


def test_a_created_target_is_an_aml_compute_over_a_pool(ws: Any, orris: FakeOrris) -> None:
    from azureml.core.compute import AmlCompute, ComputeTarget

    target = create(ws, min_nodes="1", idle_seconds_before_scaledown="120", tags={"team": "lab"})
    assert type(target) is AmlCompute
    assert type(ComputeTarget(ws, "cpu-cluster")) is AmlCompute
    assert type(ws.compute_targets["cpu-cluster"]) is AmlCompute
    assert sorted(ws.compute_targets) == ["cpu-cluster", "local"]
    assert ws.get_default_compute_target("CPU").name == "cpu-cluster"
    assert ws.get_default_compute_target("GPU").name == "local"
    made = orris.pools.pools["pools/cpu-cluster"]
    assert (made.engine, made.min_nodes, made.max_nodes, made.idle_time.seconds) == ("local", 1, 4, 120)
    assert (target.vm_size, target.vm_priority, target.tags) == ("STANDARD_D2_V2", "dedicated", {"team": "lab"})


def test_a_target_is_found_by_the_name_that_it_was_created_with(ws: Any) -> None:
    """Pools have names in lower case."""
    from azureml.core.compute import AmlCompute, ComputeTarget

    create(ws, "CpuCluster")
    targets = ws.compute_targets
    assert sorted(targets) == ["cpucluster", "local"]
    for name in ("CpuCluster", "cpucluster"):
        assert name in targets
        for found in (targets[name], targets.get(name), ComputeTarget(ws, name)):
            assert type(found) is AmlCompute
            assert found.get_status().serialize() == targets["cpucluster"].get_status().serialize()
    for missing in ("GpuCluster", "gpucluster", "", None):
        assert missing not in targets
        assert targets.get(missing) is None
        assert targets.get(missing, "none") == "none"
        with pytest.raises(KeyError, match=repr(missing)):
            targets[missing]


def test_azures_sizes_are_asked_for_as_what_they_have_and_that_is_said(
    ws: Any, orris: FakeOrris, capsys: pytest.CaptureFixture[str]
) -> None:
    create(ws)
    create(ws, "odd", vm_size="STANDARD_X9")
    resources = orris.pools.pools["pools/cpu-cluster"].node_resources
    assert (resources.cpus, resources.memory_bytes) == (2, 7 * 1024**3)
    assert not orris.pools.pools["pools/odd"].HasField("node_resources")
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        "cpu-cluster: STANDARD_D2_V2 is asked for as 2 CPUs and 7 GiB a node.",
        "odd: Orris does not know the size STANDARD_X9; nodes are as its engine has them.",
    ]


def test_waiting_prints_what_azure_prints(ws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create(ws, min_nodes=1).wait_for_completion(show_output=True, min_node_count=None, timeout_in_minutes=20)
    assert capsys.readouterr().out.endswith(
        "Succeeded\nAmlCompute wait for completion finished\n\n"
        "Minimum number of nodes requested have been provisioned\n"
    )


def test_waiting_for_nodes_that_do_not_come_ends_with_its_time(ws: Any, capsys: pytest.CaptureFixture[str]) -> None:
    create(ws).wait_for_completion(show_output=True, min_node_count=2, timeout_in_minutes=0)
    assert 'Current provisioning state of AmlCompute is "Succeeded" and current node count is "0"' in (
        capsys.readouterr().out
    )


def test_waiting_is_told_of_changes_and_asks_only_once(
    ws: Any, orris: FakeOrris, capsys: pytest.CaptureFixture[str]
) -> None:
    target = create(ws)
    orris.calls.clear()
    coming = orris.pools.when_watched(lambda: orris.pools.have("cpu-cluster", Node.STATE_IDLE))
    target.wait_for_completion(show_output=True, min_node_count=1, timeout_in_minutes=1)
    coming.join()
    assert "Succeeded.\n" in capsys.readouterr().out
    assert [call.method for call in orris.calls] == ["GetPool", "WatchPool"]


def test_a_target_that_is_deleted_while_it_is_waited_for_is_an_error(ws: Any, orris: FakeOrris) -> None:
    from azureml.exceptions import ComputeTargetException

    target = create(ws)
    deleting = orris.pools.when_watched(target.delete)
    with pytest.raises(ComputeTargetException, match="deleted before it had 1 nodes"):
        target.wait_for_completion(min_node_count=1)
    deleting.join()


def test_status_has_the_nodes_under_azures_keys(ws: Any, orris: FakeOrris) -> None:
    target = create(ws)
    states = (Node.STATE_STARTING, Node.STATE_RUNNING, Node.STATE_IDLE, Node.STATE_UNREACHABLE, Node.STATE_DRAINING)
    orris.pools.have("cpu-cluster", *states)
    orris.pools.pools["pools/cpu-cluster"].error = "no machine"
    status = target.get_status().serialize()
    assert status["nodeStateCounts"] == {
        "preparingNodeCount": 1,
        "runningNodeCount": 1,
        "idleNodeCount": 1,
        "unusableNodeCount": 1,
        "leavingNodeCount": 1,
        "preemptedNodeCount": 0,
    }
    assert (status["currentNodeCount"], status["targetNodeCount"], status["allocationState"]) == (2, 3, "Resizing")
    assert status["errors"] == [{"error": {"code": "NodeError", "message": "no machine"}}]
    assert status["scaleSettings"] == {
        "minNodeCount": 0,
        "maxNodeCount": 4,
        "nodeIdleTimeBeforeScaleDown": "PT1800S",
    }


def test_the_machine_that_is_always_there_is_a_target_too(ws: Any) -> None:
    status = ws.compute_targets["local"].get_status().serialize()
    assert (status["currentNodeCount"], status["nodeStateCounts"]["idleNodeCount"]) == (1, 1)


def test_a_target_is_changed_and_deleted(ws: Any, orris: FakeOrris) -> None:
    from azureml.exceptions import ComputeTargetException

    target = create(ws)
    target.update(min_nodes=1, max_nodes="8", idle_seconds_before_scaledown=60)
    assert target.scale_settings.serialize()["maxNodeCount"] == 8
    target.delete()
    target.wait_for_completion(is_delete_operation=True)
    assert "pools/cpu-cluster" not in orris.pools.pools
    with pytest.raises(ComputeTargetException):
        target.refresh_state()


def test_creating_what_is_there_sets_its_numbers(ws: Any, orris: FakeOrris) -> None:
    create(ws)
    create(ws, max_nodes=9)
    assert orris.pools.pools["pools/cpu-cluster"].max_nodes == 9


def test_a_run_goes_to_the_pool_of_its_target(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import Experiment, ScriptRunConfig

    create(ws)
    for target in ("cpu-cluster", ws.compute_targets["cpu-cluster"], None):
        config = ScriptRunConfig(source_directory=".", script="train.py", compute_target=target)
        Experiment(ws, "e").submit(config)
    assert sorted(run.pool for run in orris.runs.runs.values()) == ["cpu-cluster", "cpu-cluster", "local"]


def test_the_sizes_that_are_known_are_said_as_azure_says_them(ws: Any, orris: FakeOrris) -> None:
    from azureml.core.compute import AmlCompute

    sizes = {each["name"]: each for each in AmlCompute.supported_vmsizes(workspace=ws)}
    assert sizes["Standard_D2_v2"] == {
        "name": "Standard_D2_v2", "vCPUs": 2, "gpus": 0, "memoryGB": 7.0, "maxResourceVolumeMB": 102400
    }  # fmt: skip
    assert {name for name, size in sizes.items() if size["gpus"] == 4} == {
        "Standard_NC24", "Standard_NC24s_v2", "Standard_NC24s_v3"
    }  # fmt: skip
    for number, size in enumerate(sizes.values()):
        create(ws, f"c{number}", vm_size=size["name"])
        asked = orris.pools.pools[f"pools/c{number}"].node_resources
        assert (asked.cpus, asked.memory_bytes) == (size["vCPUs"], size["memoryGB"] * 1024**3)


def test_active_runs_are_those_of_the_target_that_have_not_ended(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import Experiment, Run, ScriptRunConfig

    target = create(ws)
    orris.runs.script = lambda _name: None  # they wait
    config = ScriptRunConfig(source_directory=".", script="train.py")
    submitted = []
    for where in (target, "local", target, target):
        config.run_config.target = where
        submitted.append(Experiment(ws, "e").submit(config))
    first, _, ended, last = submitted
    orris.runs.end(ended.resource_name, runs_pb2.Run.STATE_FAILED)
    active = list(target.get_active_runs())
    assert [each.id for each in active] == [last.id, first.id]
    assert {type(each) for each in active} == {Run}


def test_a_target_says_what_it_is_under_azures_names(ws: Any, orris: FakeOrris) -> None:
    target = create(ws)
    orris.pools.pools["pools/cpu-cluster"].update_time.FromDatetime(datetime(2026, 1, 31, tzinfo=UTC))
    target.refresh_state()
    assert (target.id, target.location, target.modified_on) == (
        "pools/cpu-cluster", "local", datetime(2026, 1, 31, tzinfo=UTC)
    )  # fmt: skip
    assert (target.cluster_resource_id, target.subnet_id) == (None, None)
    assert target.status.serialize() == target.get_status().serialize()


def test_a_status_says_since_when(ws: Any, orris: FakeOrris) -> None:
    target = create(ws)
    pool = orris.pools.pools["pools/cpu-cluster"]
    pool.create_time.FromDatetime(datetime(2026, 1, 30, tzinfo=UTC))
    pool.update_time.FromDatetime(datetime(2026, 1, 31, tzinfo=UTC))
    status = target.get_status()
    assert status.provisioning_state_transition_time == "2026-01-30T00:00:00.000000Z"
    assert status.allocation_state_transition_time == "2026-01-31T00:00:00.000000Z"
    orris.pools.have("cpu-cluster", Node.STATE_RUNNING, Node.STATE_STARTING)
    for day, node in enumerate(orris.pools.nodes["pools/cpu-cluster"], 1):
        node.create_time.FromDatetime(datetime(2026, 2, day, tzinfo=UTC))
    status = target.get_status().serialize()
    assert status["provisioningStateTransitionTime"] == "2026-01-30T00:00:00.000000Z"
    assert status["allocationStateTransitionTime"] == "2026-02-02T00:00:00.000000Z"
    pool.state = pools_service_pb2.Pool.STATE_DELETING
    assert target.get_status().provisioning_state_transition_time == "2026-01-31T00:00:00.000000Z"


@pytest.mark.parametrize("name", ["add_identity", "admin_username", "attach", "deserialize", "detach"])
def test_what_a_target_lacks_is_refused_by_the_object_and_by_its_classes(ws: Any, name: str) -> None:
    from azureml.core.compute import AmlCompute, ComputeTarget
    from azureml.exceptions import NotSupportedException

    for owner in (create(ws), AmlCompute, ComputeTarget):
        with pytest.raises(NotSupportedException, match=f"{name} is not available in Orris yet: "):
            getattr(owner, name)
        assert not hasattr(owner, name)
    with pytest.raises(AttributeError, match="'AmlCompute' has no attribute 'nonsense'"):
        _ = AmlCompute.nonsense


def test_other_kinds_of_compute_say_what_there_is_instead() -> None:
    from azureml.core.compute import ComputeInstance
    from azureml.exceptions import NotSupportedException

    with pytest.raises(NotSupportedException, match=r"a pool, whose nodes .* ORRIS_POOL_ENGINE names another engine"):
        ComputeInstance.provisioning_configuration(vm_size="STANDARD_D2_V2")
