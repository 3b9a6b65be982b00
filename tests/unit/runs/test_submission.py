"""Submitting: bad runs are refused with all that is wrong, good ones are recorded once."""

import re
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument, NotFound
from orris_runs.checks import check_run
from orris_runs.demands import NO_CONTAINER_IMAGES, Demands, Isolation, Resources
from orris_runs.model import ErrorCode, Kind, Prepared, Program
from orris_runs.schema import runs
from orris_runs.states import State

from .conftest import BUILD, IMAGE, NEW, TREE, World

PROGRAM = NEW.program


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"experiment": "no spaces"}, "run.experiment"),
        ({"program": replace(PROGRAM, command=["python"])}, "run.script"),
        ({"program": Program()}, "run.script"),
        ({"program": replace(PROGRAM, script="/etc/passwd")}, "run.script"),
        ({"program": replace(PROGRAM, script="../train.py")}, "run.script"),
        ({"program": replace(PROGRAM, script="a\\b.py")}, "run.script"),
        ({"program": replace(PROGRAM, script="C:/b.py")}, "run.script"),
        ({"program": replace(PROGRAM, snapshot="")}, "run.snapshot"),
        ({"program": replace(PROGRAM, snapshot=TREE.replace("default", "other"))}, "run.snapshot"),
        ({"program": replace(PROGRAM, arguments=["x"] * 5000)}, "run.arguments"),
        ({"program": replace(PROGRAM, arguments=["x" * 200_000])}, "run.arguments"),
        ({"program": replace(PROGRAM, arguments=["a\0b"])}, "run.arguments"),
        ({"program": Program(command=[""])}, "run.command"),
        ({"program": replace(PROGRAM, variables={"1A": "x"})}, "run.environment_variables"),
        ({"program": replace(PROGRAM, variables={"A=B": "x"})}, "run.environment_variables"),
        ({"program": replace(PROGRAM, variables={"A": "x" * 200_000})}, "run.environment_variables"),
        ({"program": replace(PROGRAM, time_limit=-1)}, "run.time_limit"),
        ({"program": replace(PROGRAM, time_limit=1e12)}, "run.time_limit"),
        ({"program": replace(PROGRAM, time_limit=60), "kind": Kind.REPLICA}, "run.time_limit"),
        ({"secrets": {"KEY": "a\0b"}}, "run.secret_environment_variables"),
        ({"image": ""}, "run.environment"),
        ({"image": "workspaces/other/images/i"}, "run.image"),
        ({"environment": "workspaces/other/environments/e"}, "run.environment"),
        ({"environment": "e"}, "run.environment"),
        ({"parent_run": "workspaces/other/runs/r"}, "run.parent_run"),
        ({"pool": "No Pool"}, "run.pool"),
        ({"display_name": "x" * 300}, "run.display_name"),
        ({"tags": {"": "x"}}, "run.tags"),
        ({"tags": {str(number): "x" for number in range(101)}}, "run.tags"),
        ({"properties": {"k": "x" * 5000}}, "run.properties"),
        *(
            ({"demands": Demands(resources=Resources(**wrong))}, f"run.resources.{next(iter(wrong))}")
            for wrong in (
                {"cpus": -1.0},
                {"cpus": nan},
                {"cpus": inf},
                {"cpus": 1e-9},
                {"cpus": 1e6},
                {"memory_bytes": -1},
                {"memory_bytes": 4},
                {"memory_bytes": 2**60},
                {"pids": -1},
                {"pids": 2**30},
                {"gpus": -1},
                {"gpus": 10_000},
                {"shared_memory_bytes": -1},
                {"shared_memory_bytes": 2**60},
            )
        ),
        ({"demands": Demands(Isolation.PROCESS, Resources(pids=9))}, "run.resources.pids"),
        (
            {"demands": Demands(Isolation.PROCESS, Resources(shared_memory_bytes=9))},
            "run.resources.shared_memory_bytes",
        ),
        ({"demands": Demands(network_disabled=True)}, "run.network_disabled"),
        ({"demands": Demands(Isolation.PROCESS, network_disabled=True)}, "run.network_disabled"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_run(replace(NEW, **changed))
    assert caught.value.reason == "INVALID_RUN"
    assert field in {violation.field for violation in caught.value.violations}


def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_run(replace(NEW, pool="A", image="", tags={"": ""}))
    assert len(caught.value.violations) == 3


def test_a_secret_is_in_no_message() -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_run(replace(NEW, secrets={"KEY": "hunter2\0", "B": "x" * 200_000}))
    assert "hunter2" not in str(caught.value.violations)
    assert "hunter2" not in repr(replace(NEW, secrets={"KEY": "hunter2"}))


def test_ids_are_experiment_time_and_eight_digits(world: World) -> None:
    assert re.fullmatch(r"iris_\d{10}_[0-9a-f]{8}", world.submit().id)


def test_an_experiment_is_made_with_its_first_run(world: World) -> None:
    with pytest.raises(NotFound):
        world.core.experiments.get("default", "iris")
    run = world.submit()
    assert world.core.experiments.get("default", "iris").create_time == run.create_time


def test_the_workspace_must_exist(world: World) -> None:
    new = replace(NEW, workspace="nowhere")
    with pytest.raises(NotFound) as caught:
        world.core.submission.submit("r", new, Prepared(image="i"))
    assert caught.value.reason == "WORKSPACE_NOT_FOUND"


def test_the_same_request_is_recorded_once(world: World) -> None:
    submit = world.core.submission.submit
    first = submit(world.new_id(), NEW, Prepared(image=NEW.image), "request", b"payload")
    again = submit("r2", NEW, Prepared(image=NEW.image), "request", b"payload")
    assert (again.id, again.key) == (first.id, first.key)
    world.reopen()
    assert world.core.submission.submit("r3", NEW, Prepared(image=NEW.image), "request", b"payload").id == first.id
    with pytest.raises(InvalidArgument):
        world.core.submission.submit("r4", NEW, Prepared(image=NEW.image), "request", b"another")


def test_secrets_are_kept_until_the_run_ends_and_shown_to_its_agent_only(world: World) -> None:
    world.agent()
    run = world.submit(secrets={"KEY": "hunter2"})
    assert "hunter2" not in repr(run)
    (lease,) = world.core.leases.of_agent("a1")
    assert lease.secrets == {"KEY": "hunter2"}
    assert "hunter2" not in repr(lease)
    world.finish(lease.id)
    with world.engine.connect() as connection:
        assert connection.execute(sa.select(runs.c.secrets)).scalar_one() is None


def test_a_training_run_has_a_time_limit_and_a_replica_has_none(world: World) -> None:
    assert world.submit().program.time_limit == 30 * 24 * 3600
    assert world.submit(kind=Kind.REPLICA).program.time_limit is None
    assert world.submit(program=replace(PROGRAM, time_limit=2.5)).program.time_limit == 2.5


def test_what_was_acknowledged_is_there_after_a_restart(world: World) -> None:
    world.agent()
    chosen: dict[str, Any] = {
        "tags": {"a": "b"},
        "properties": {"p": "q"},
        "display_name": "mine",
        "submitted_by": "ada",
    }
    run = world.submit(**chosen)
    waiting = world.submit()
    world.reopen()
    assert world.get(run) == run
    assert world.get(waiting).state is State.PROVISIONING
    world.core.agents.open_stream("a1")
    assert [lease.run.id for lease in world.core.leases.of_agent("a1")] == [run.id]


def test_a_run_waits_for_its_build_and_then_queues(world: World) -> None:
    world.agent()
    run = world.submit_preparing()
    assert run.state is State.PREPARING
    assert "b1" in run.state_reason
    assert world.core.preparation.builds() == [run.build]
    world.core.preparation.succeeded(run.build, NEW.image, ["another Python than asked for"])
    ready = world.get(run)
    assert (ready.agent, ready.image, ready.warnings) == ("a1", NEW.image, ["another Python than asked for"])
    assert world.core.preparation.builds() == []


def test_a_run_that_asks_for_a_container_fails_when_the_image_turns_out_to_be_none_for_containers(world: World) -> None:
    world.agent(slots=2, isolations=[Isolation.PROCESS, Isolation.CONTAINER])
    contained, other = world.submit_preparing(demands=Demands(Isolation.CONTAINER)), world.submit_preparing()
    world.core.preparation.succeeded(BUILD, IMAGE, [], contained=False)
    failed = world.get(contained)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert (failed.error.code, failed.error.message) == (ErrorCode.ENVIRONMENT, NO_CONTAINER_IMAGES)
    assert world.get(other).agent == "a1"


def test_a_run_that_asks_for_a_container_gets_one_once_its_image_is_there(world: World) -> None:
    world.agent(isolations=[Isolation.CONTAINER])
    run = world.submit_preparing(demands=Demands(Isolation.CONTAINER))
    world.core.preparation.succeeded(BUILD, IMAGE, [], contained=True)
    assert world.get(run).agent == "a1"


def test_what_a_run_asks_for_is_there_after_a_restart(world: World) -> None:
    resources = Resources(cpus=0.5, memory_bytes=2**31, pids=64, gpus=1, shared_memory_bytes=2**20)
    asked = Demands(Isolation.CONTAINER, resources, network_disabled=True)
    run = world.submit(demands=asked)
    world.reopen()
    assert world.get(run).demands == run.demands == asked


def test_a_build_that_fails_fails_the_runs_that_waited(world: World) -> None:
    run, canceled = world.submit_preparing(), world.submit_preparing()
    world.core.cancellation.cancel("default", canceled.id, "ada")
    world.core.preparation.failed(run.build, "no such package: sklern")
    failed = world.get(run)
    assert failed.state is State.FAILED
    assert failed.error is not None
    assert "sklern" in failed.error.message
    assert world.get(canceled).state is State.CANCELED


def test_runs_that_wait_for_builds_are_found_after_a_restart(world: World) -> None:
    run = world.submit_preparing()
    world.core.preparation.append_log(run.build, 0, b"abc")
    world.reopen()
    assert world.core.preparation.builds() == [run.build]
    assert world.core.preparation.log_size(run.build) == 3
