"""Sweeps: trials are recorded with their runs, judged, settled; whoever is restarted, none is lost or doubled."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_runs.model import ErrorCode, Kind, MetricPoint, MetricType, Prepared, Run, RunError
from orris_runs.reading import RunQuery
from orris_runs.schema import sweep_trials
from orris_runs.states import State
from orris_runs.sweeps.plan import Plan, plan_of, plan_to_json
from orris_runs.sweeps.policies import Policy, Rule
from orris_runs.sweeps.recording import sweep_run
from orris_runs.sweeps.sampling import Known, Method
from orris_runs.sweeps.space import Choice, Condition, Normal, Parameter, Range
from orris_runs.sweeps.sweep_log import HYPERDRIVE_LOG
from orris_runs.sweeps.sweeps import Sweep

from .conftest import BUILD, IMAGE, NEW, World

KERNEL, PENALTY = Parameter("kernel", Choice(("linear", "rbf"))), Parameter("penalty", Choice((0.5, 1.0, 2.0)))
PLAN = Plan(NEW, (KERNEL, PENALTY), Method.GRID, 1, "Accuracy", True, max_total=100, max_concurrent=2)
READY = Prepared(environment="", image=IMAGE)


class Sweeping:
    """A sweep over a world: `step` does what the follower does when it is woken."""

    def __init__(self, world: World, plan: Plan = PLAN, prepared: Prepared = READY, agents: int = 2) -> None:
        self.world, self.prepared = world, prepared
        if agents:
            world.agent(slots=agents)
        world.core.sweep_recording.check(plan, sweep_run(plan))
        self.id = world.core.sweep_recording.create(world.new_id(), sweep_run(plan), plan, prepared)
        (self.key,) = world.core.sweeps.active()[-1:]

    @property
    def sweep(self) -> Sweep:
        return self.world.core.sweeps.get("default", self.id)

    def step(self) -> Sweep:
        core = self.world.core
        situation = core.sweep_beginning.situation(self.key)
        if situation is None:
            return self.sweep
        if situation.to_judge:
            core.sweep_progress.judge(self.key)
        if situation.to_settle:
            core.sweep_progress.settle(self.key)
            situation = core.sweep_beginning.situation(self.key)
        if situation is not None and situation.wanted:
            prepared = situation.prepared if situation.prepared.image else self.prepared
            core.sweep_beginning.begin(situation, core.sweep_beginning.choose(situation), prepared)
        stepped = self.world.core.sweep_beginning.situation(self.key)
        assert stepped is None or list(stepped.trials) == list(self.sweep.trials), "what is remembered is so"
        return self.sweep

    def run(self, number: int) -> Run:
        return self.world.core.reading.get("default", f"{self.id}_{number}")

    def lease(self, number: int) -> str:
        return self.world.lease_of(self.run(number))

    def start(self, number: int) -> None:
        self.world.report(self.lease(number), State.RUNNING)

    def log(self, number: int, *values: Any, metric: str = "Accuracy") -> None:
        world, run = self.world, self.run(number)
        known = len(world.core.events.list_metrics("default", run.id, "", 1000, "").items)
        points = [MetricPoint(metric, MetricType.SCALAR, world.clock.now(), value=value) for value in values]
        world.core.events.append(self.lease(number), known, points)

    def end(self, number: int, *values: Any, state: State = State.COMPLETED, **outcome: Any) -> None:
        if self.run(number).start_time is None:
            self.start(number)
        if values:
            self.log(number, *values)
        self.world.finish(self.lease(number), state, **outcome)

    def text(self, file: str) -> str:
        piece = self.world.core.logs.read("default", self.id, file, 0)
        return piece.data.decode()


def test_it_is_a_run_that_no_agent_executes(world: World) -> None:
    sweeping = Sweeping(world)
    run = world.core.reading.get("default", sweeping.id)
    assert (run.kind, run.state, run.agent) == (Kind.SWEEP, State.RUNNING, "")
    assert [each.id for each in world.core.reading.page(RunQuery("default"), 10, "").items] == [sweeping.id]


def test_as_many_trials_begin_as_may_go_on_and_another_when_one_ends(world: World) -> None:
    sweeping = Sweeping(world)
    assert [trial.number for trial in sweeping.step().trials] == [0, 1]
    assert [trial.number for trial in sweeping.step().trials] == [0, 1]
    sweeping.end(0, 0.9)
    assert [trial.number for trial in sweeping.step().trials] == [0, 1, 2]
    assert [dict(trial.hyperparameters) for trial in sweeping.sweep.trials] == [
        {"kernel": "linear", "penalty": 0.5},
        {"kernel": "linear", "penalty": 1.0},
        {"kernel": "linear", "penalty": 2.0},
    ]


def test_a_trial_is_a_child_with_its_hyperparameters_as_arguments(world: World) -> None:
    program = replace(NEW.program, arguments=["--penalty", "9", "data"])
    plan = replace(PLAN, trial=replace(NEW, program=program, secrets={"KEY": "s3cret"}, tags={"who": "me"}))
    sweeping = Sweeping(world, plan)
    sweeping.step()
    run = sweeping.run(1)
    assert run.parent_run == f"workspaces/default/runs/{sweeping.id}"
    assert list(run.program.arguments) == ["data", "--kernel", "linear", "--penalty", "1.0"]
    assert run.tags == {
        "who": "me",
        "hyperparameters": json.dumps({"kernel": "linear", "penalty": 1.0}, separators=(",", ":")),
    }
    (lease,) = [each for each in world.core.leases.of_agent("a1") if each.run.id == run.id]
    assert lease.secrets == {"KEY": "s3cret"}
    with world.core.store.look() as connection:
        assert "s3cret" not in str(connection.exec_driver_sql("SELECT plan FROM sweeps").all())


def test_it_ends_with_its_last_trial_and_names_the_best(world: World) -> None:
    sweeping = Sweeping(world)
    for number, accuracy in enumerate((0.9, 0.97, 0.95, 0.97, 0.5, 0.6)):
        sweeping.step()
        sweeping.end(number, 0.1, accuracy, 0.2)
    sweep = sweeping.step()
    assert sweep.over
    assert sweep.run.state is State.COMPLETED
    assert "trial 1" in sweep.run.state_reason, "of equals the first, by the best of all its values"
    assert "Accuracy=0.97 with kernel=linear penalty=1" in sweep.run.state_reason
    assert world.core.sweeps.active() == []
    assert "Experiment created" in sweeping.text(HYPERDRIVE_LOG)
    assert "best so far: trial 1" in sweeping.text("user_logs/std_log.txt")
    rows = world.core.events.list_metrics("default", sweeping.id, "", 100, "").items
    assert [(each.cells["metric_value"], each.cells["final"]) for each in rows] == [
        (0.9, False),
        (0.97, False),
        (0.97, True),
    ]


def test_a_restart_between_any_two_steps_loses_and_doubles_nothing(world: World) -> None:
    sweeping = Sweeping(world)
    situation = world.core.sweep_beginning.situation(sweeping.key)
    assert situation is not None
    chosen = world.core.sweep_beginning.choose(situation)
    world.reopen()
    world.agent(slots=2)
    for _ in range(2):
        world.core.sweep_beginning.begin(situation, chosen, READY)
    assert [trial.number for trial in sweeping.sweep.trials] == [0, 1], "begun once, by whoever was first"
    for number in range(6):
        world.reopen()
        world.agent(slots=2)
        sweeping.step()
        sweeping.end(number, 0.5 + number / 10)
    assert sweeping.step().over
    with world.core.store.look() as connection:
        keys = connection.execute(sa.select(sweep_trials.c.run_key)).scalars().all()
        children = connection.exec_driver_sql("SELECT count(*) FROM runs WHERE parent_run <> ''").scalar_one()
    assert len(keys) == len(set(keys)) == children == 6


def test_a_random_sweep_chooses_the_same_after_a_restart(world: World) -> None:
    plan = replace(PLAN, method=Method.RANDOM, space=(Parameter("rate", Range(-3, 0, logarithmic=True)),), planned=9)
    plan = replace(plan, max_total=9, max_concurrent=9)
    one, other = Sweeping(world, plan), Sweeping(world, plan, agents=0)
    one.step()
    world.reopen()
    other.step()
    values = [[dict(trial.hyperparameters) for trial in each.sweep.trials] for each in (one, other)]
    assert values[0] == values[1]
    assert len({str(each) for each in values[0]}) == 9


def test_canceling_it_cancels_its_trials_and_no_other_begins(world: World) -> None:
    sweeping = Sweeping(world, replace(PLAN, max_concurrent=3))
    sweeping.step()
    sweeping.start(0)
    run = world.core.cancellation.cancel("default", sweeping.id, "ada", "enough")
    assert run.state is State.CANCELED
    assert [trial.state for trial in sweeping.step().trials] == [
        State.CANCEL_REQUESTED,
        State.CANCEL_REQUESTED,
        State.CANCELED,
    ]
    assert not sweeping.sweep.over
    for number in (0, 1):
        world.finish(sweeping.lease(number), State.CANCELED)
    sweep = sweeping.step()
    assert sweep.over
    assert len(sweep.trials) == 3
    assert not any(trial.stopped for trial in sweep.trials)


def test_stopping_everything_stops_sweeps_first(world: World) -> None:
    sweeping = Sweeping(world)
    sweeping.step()
    assert world.core.stop_all("orris down") == 2
    assert sweeping.step().run.state is State.CANCELED
    assert len(sweeping.sweep.trials) == 2


def test_a_bad_trial_is_ended_early_and_told_apart_from_a_canceled_one(world: World) -> None:
    policy = Policy(Rule.BANDIT, interval=2, slack_factor=0.2)
    sweeping = Sweeping(world, replace(PLAN, policy=policy))
    sweeping.step()
    for number in (0, 1):
        sweeping.start(number)
    sweeping.log(0, 0.8)
    sweeping.log(1, 0.1)
    sweeping.step()
    assert sweeping.run(1).state is State.RUNNING, "the first interval is none of the policy's"
    sweeping.log(0, 0.8)
    sweeping.log(1, 0.6)
    world.reopen()
    world.agent(slots=2)
    sweeping.step()
    assert sweeping.run(0).state is State.RUNNING
    run = sweeping.run(1)
    assert run.state is State.CANCEL_REQUESTED
    assert run.early_stopped == "bandit at interval 2: 0.6 is below 0.666667"
    world.finish(sweeping.lease(1), State.CANCELED)
    sweep = sweeping.step()
    assert sweep.trials[1].stopped
    assert "ended early by its sweep's policy" in sweeping.run(1).state_reason
    assert len(sweep.trials) == 3, "its place is taken by the next"
    world.core.cancellation.cancel("default", sweeping.run(2).id, "ada")
    world.finish(sweeping.lease(2), State.CANCELED)
    assert not sweeping.step().trials[2].stopped


def test_a_policy_minimizes_in_the_metrics_own_words(world: World) -> None:
    policy = Policy(Rule.BANDIT, slack_amount=0.5)
    sweeping = Sweeping(world, replace(PLAN, policy=policy, maximize=False, metric="loss"))
    sweeping.step()
    for number, loss in enumerate((1.0, 1.6)):
        sweeping.start(number)
        sweeping.log(number, loss, metric="loss")
    sweeping.step()
    assert sweeping.run(1).early_stopped == "bandit at interval 1: 1.6 is above 1.5"


def test_a_trial_without_the_metric_is_named_with_what_it_logged(world: World) -> None:
    sweeping = Sweeping(world)
    sweeping.step()
    sweeping.start(0)
    sweeping.log(0, 0.9, metric="accuracy")
    sweeping.end(0)
    (warning,) = sweeping.step().run.warnings
    assert warning.startswith(f"trial 0 ({sweeping.id}_0) completed without logging 'Accuracy'")
    assert "'accuracy'" in warning
    assert sweeping.sweep.trials[0].best is None


def test_where_all_fail_it_fails_and_says_why(world: World) -> None:
    sweeping = Sweeping(world)
    error = RunError(ErrorCode.USER_PROGRAM, "no module named iris")
    for number in range(6):
        sweeping.step()
        sweeping.end(number, state=State.FAILED, error=error)
    run = sweeping.step().run
    assert run.state is State.FAILED
    assert run.error is not None
    assert run.error.message == f"all 6 trials that ended have failed; trial 0 ({sweeping.id}_0): no module named iris"


def test_it_does_not_go_on_for_ever_where_all_fail(world: World) -> None:
    plan = replace(PLAN, space=(Parameter("x", Choice(tuple(range(100)))),))
    sweeping = Sweeping(world, plan)
    for number in range(10):
        sweeping.step()
        sweeping.end(number, state=State.FAILED, error=RunError(ErrorCode.USER_PROGRAM, "no"))
    sweep = sweeping.step()
    assert sweep.run.state is State.FAILED
    assert len(sweep.trials) == 11
    assert sweep.trials[10].state in (State.CANCELED, State.CANCEL_REQUESTED)


def test_trials_wait_for_one_build_and_all_get_its_image(world: World) -> None:
    sweeping = Sweeping(world, prepared=Prepared(environment="e", build=BUILD))
    sweeping.step()
    assert [trial.state for trial in sweeping.sweep.trials] == [State.PREPARING] * 2
    world.core.preparation.succeeded(BUILD, IMAGE, [])
    assert {sweeping.run(number).image for number in (0, 1)} == {IMAGE}


def test_an_environment_that_cannot_be_made_fails_it_at_once(world: World) -> None:
    sweeping = Sweeping(world, prepared=Prepared(environment="e", build=BUILD))
    sweeping.step()
    world.core.preparation.failed(BUILD, "no such package: skleran")
    run = sweeping.step().run
    assert run.state is State.FAILED
    assert run.error is not None
    assert run.error.code is ErrorCode.ENVIRONMENT
    assert "skleran" in run.error.message
    assert sweeping.step().over


def test_after_its_time_no_trial_begins_and_those_that_go_on_are_canceled(world: World) -> None:
    sweeping = Sweeping(world, replace(PLAN, max_seconds=60))
    sweeping.step()
    sweeping.end(0, 0.9)
    world.clock.advance(61)
    sweeping.step()
    assert [trial.state for trial in sweeping.sweep.trials] == [State.COMPLETED, State.CANCEL_REQUESTED]
    world.finish(sweeping.lease(1), State.CANCELED)
    run = sweeping.step().run
    assert run.state is State.COMPLETED
    assert "max_duration is over after 2 of 6 trials; best: trial 0" in run.state_reason


def test_it_learns_from_earlier_sweeps_and_tries_their_trials_first(world: World) -> None:
    earlier = Sweeping(world)
    earlier.step()
    earlier.end(0, 0.7)
    earlier.end(1, 0.8)
    name = f"workspaces/default/runs/{earlier.id}"
    plan = replace(PLAN, resume_from=(name,), resume_runs=(f"{name}_1",), max_concurrent=1)
    resumed = Sweeping(world, plan, agents=0)
    assert [(dict(each.values), each.score) for each in resumed.sweep.plan.earlier] == [
        ({"kernel": "linear", "penalty": 0.5}, 0.7),
        ({"kernel": "linear", "penalty": 1.0}, 0.8),
    ]
    assert dict(resumed.step().trials[0].hyperparameters) == {"kernel": "linear", "penalty": 1.0}
    assert resumed.sweep.plan.planned == 7, "the whole grid comes after it"
    assert list(resumed.sweep.run.warnings) == [
        "resume_from: grid sampling does not learn; TPE and Gaussian processes do, resume_runs come first"
    ]
    with pytest.raises(NotFound, match="is no sweep"):
        Sweeping(world, replace(PLAN, resume_from=(f"{name}_1",)), agents=0)
    with pytest.raises(InvalidArgument, match="is no trial"):
        Sweeping(world, replace(PLAN, resume_runs=(name,)), agents=0)


def test_what_it_cannot_learn_from_is_said(world: World) -> None:
    earlier = Sweeping(world)
    earlier.step()
    earlier.end(0, 0.7)
    name = f"workspaces/default/runs/{earlier.id}"
    plan = replace(PLAN, resume_from=(name,), method=Method.TPE)
    assert list(Sweeping(world, plan, agents=0).sweep.run.warnings) == []
    for changed in ({"metric": "accuracy"}, {"space": (KERNEL, Parameter("C", Choice((1, 2))))}):
        (warning,) = Sweeping(world, replace(plan, **changed), agents=0).sweep.run.warnings
        assert "there is nothing to learn from" in warning


def test_a_deleted_trial_is_not_begun_again_and_a_sweep_goes_with_its_trials(world: World) -> None:
    sweeping = Sweeping(world, replace(PLAN, max_total=3))
    sweeping.step()
    sweeping.end(0, 0.9)
    world.core.deletion.delete("default", f"{sweeping.id}_0")
    while world.core.deletion.remove_some():
        pass
    assert [trial.number for trial in sweeping.step().trials] == [0, 1, 2]
    for number in (1, 2):
        sweeping.end(number, 0.5)
    assert sweeping.step().over
    with pytest.raises(FailedPrecondition, match="has children"):
        world.core.deletion.delete("default", sweeping.id)
    world.core.deletion.delete("default", sweeping.id, children=True)
    while world.core.deletion.remove_some():
        pass
    with world.core.store.look() as connection:
        for table in ("sweeps", "sweep_trials", "runs"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0, table


def test_the_metrics_of_all_trials_are_one_list_in_pages(world: World) -> None:
    sweeping = Sweeping(world)
    sweeping.step()
    for number in (1, 0):
        sweeping.start(number)
        sweeping.log(number, 0.1, 0.2, 0.3)
        sweeping.log(number, 1.0, metric="loss")
    found: list[tuple[int, float]] = []
    token = ""
    while True:
        page = world.core.sweeps.list_metrics("default", sweeping.id, "Accuracy", 2, token)
        found += [(number, point.value) for number, _, point in page.items]
        if not (token := page.token_after(len(page.items))):
            break
    assert found == [(number, value) for number in (0, 1) for value in (0.1, 0.2, 0.3)]
    assert len(world.core.sweeps.list_metrics("default", sweeping.id, "", 100, "").items) == 8


def test_a_retry_returns_the_first_sweep(world: World) -> None:
    create = world.core.sweep_recording.create
    first = create(world.new_id(), sweep_run(PLAN), PLAN, READY, "r1", b"x")
    assert create(world.new_id(), sweep_run(PLAN), PLAN, READY, "r1", b"x") == first
    assert len(world.core.sweeps.active()) == 1


def test_another_run_is_no_sweep(world: World) -> None:
    run = world.submit()
    with pytest.raises(NotFound) as caught:
        world.core.sweeps.get("default", run.id)
    assert caught.value.reason == "SWEEP_NOT_FOUND"


@pytest.mark.parametrize(
    ("changed", "field", "remedy"),
    [
        ({"space": (Parameter("x", Range(0, 1)),)}, "sweep.parameters", "a grid needs choices"),
        (
            {"space": (Parameter("x", Normal(0, 1)),), "method": Method.TPE},
            "sweep.parameters",
            "Bayesian sampling needs bounds",
        ),
        ({"space": ()}, "sweep.parameters", "1 to 100 hyperparameters"),
        ({"space": (KERNEL, KERNEL)}, "sweep.parameters", "give it once"),
        ({"space": (Parameter("x", Choice(())),)}, "sweep.parameters", "1 to 1,000 values"),
        ({"space": (Parameter("x", Choice((1, 1))),)}, "sweep.parameters", "different"),
        (
            {"space": (Parameter("x", Choice(tuple(f"{number:<999}" for number in range(70)))),)},
            "sweep.parameters",
            "characters of values together",
        ),
        ({"space": (Parameter("x y", Choice((1,))),)}, "sweep.parameters", "without spaces"),
        ({"space": (Parameter("x", Range(2, 1)),), "method": Method.RANDOM}, "sweep.parameters", "smallest"),
        (
            {"space": (Parameter("x", Range(0, 1e3, logarithmic=True)),), "method": Method.RANDOM},
            "sweep.parameters",
            "logarithms",
        ),
        ({"space": (Parameter("x", Normal(0, 0)),), "method": Method.RANDOM}, "sweep.parameters", "over 0"),
        (
            {"space": (replace(PENALTY, condition=Condition("kernel", ("rbf",))), KERNEL)},
            "sweep.parameters",
            "named before it",
        ),
        ({"space": (KERNEL, replace(PENALTY, condition=Condition("kernel", ("x",))))}, "sweep.parameters", "may have"),
        ({"metric": ""}, "sweep.metric", "name the metric"),
        ({"max_total": 0}, "sweep.max_total_runs", "1 to 1,000"),
        ({"max_concurrent": 101}, "sweep.max_concurrent_runs", "1 to 100"),
        ({"max_seconds": 0}, "sweep.max_duration", "more than 0"),
        ({"resume_from": ("workspaces/other/runs/r",)}, "sweep.resume_from", "no run of the workspace"),
        ({"policy": Policy(Rule.BANDIT)}, "sweep.policy.bandit", "either slack_factor or slack_amount"),
        ({"policy": Policy(Rule.TRUNCATION_SELECTION, percentage=100)}, "sweep.policy.truncation_selection", "1 to 99"),
        ({"policy": Policy(Rule.ASHA, reduction_factor=1)}, "sweep.policy.asha", "2 to 100"),
        ({"trial": replace(NEW, reuse=True)}, "sweep.trial.reuse", "leave it out"),
        ({"trial": replace(NEW, program=replace(NEW.program, script=""))}, "run.script", "set either"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field_and_a_remedy(
    world: World, changed: dict[str, Any], field: str, remedy: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        world.core.sweep_recording.check(plan := replace(PLAN, **changed), sweep_run(plan))
    assert [each.field for each in caught.value.violations][:1] == [field]
    assert remedy in caught.value.message
    assert world.core.sweeps.active() == []


def test_a_sweep_is_not_created_as_an_ordinary_run(world: World) -> None:
    with pytest.raises(InvalidArgument, match="SweepService"):
        world.submit(kind=Kind.SWEEP)
    with pytest.raises(InvalidArgument, match=r"run\.tags"):
        world.core.sweep_recording.check(PLAN, sweep_run(PLAN, tags={"": "x"}))


def test_a_plan_is_kept_as_it_was() -> None:
    plan = replace(
        PLAN,
        trial=replace(NEW, tags={"a": "b"}, priority=3),
        space=(
            Parameter("mixed", Choice((1, 1.0, True, "1"))),
            Parameter("rate", Range(-3.0, 0.0, 0.5, True), Condition("mixed", (True,))),
            Parameter("shift", Normal(0.0, 1.0)),
        ),
        policy=Policy(Rule.ASHA, reduction_factor=3),
        first=({"mixed": 1.0},),
        earlier=(Known({"mixed": True}, 0.5, True),),
        resume_from=("workspaces/default/runs/r",),
    )
    kept = plan_of(plan_to_json(plan))
    assert kept == plan
    assert [type(each) for each in kept.space[0].distribution.values] == [int, float, bool, str]  # type: ignore[union-attr]
