"""A run's timeline: the stages that it went through, each with its times, one behind the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from orris_runs.model import Run
from orris_runs.states import State
from orris_runs.timeline import StageKind, stages_of

from .conftest import BUILD, DURATION, IMAGE, MARGIN, World

PREPARING, SCALING, RUNNING, POST_PROCESSING = StageKind


def lengths(run: Run) -> list[tuple[StageKind, float | None]]:
    return [
        (stage.kind, None if stage.end_time is None else (stage.end_time - stage.start_time).total_seconds())
        for stage in stages_of(run)
    ]


def test_each_stage_begins_when_the_one_before_ends(world: World) -> None:
    run = world.submit_preparing()
    world.clock.advance(10)
    assert lengths(world.get(run)) == [(PREPARING, None)]
    world.core.preparation.succeeded(BUILD, IMAGE, ())
    world.clock.advance(20)
    world.agent()
    world.clock.advance(30)
    lease = world.lease_of(run)
    world.report(lease, State.RUNNING, time=world.clock.now())
    world.report(lease, State.FINALIZING, time=world.clock.now())
    program_ended = world.clock.now()
    world.clock.advance(40)
    assert lengths(world.get(run))[-1] == (POST_PROCESSING, None)
    world.finish(lease, end_time=program_ended)
    assert lengths(world.get(run)) == [(PREPARING, 10), (SCALING, 20), (RUNNING, 30), (POST_PROCESSING, 40)]


def test_a_run_that_ended_before_anybody_looked_has_all_stages_it_went_through(world: World) -> None:
    world.agent()
    run = world.submit()
    world.clock.advance(5)
    ended: datetime = world.clock.now() - timedelta(seconds=2)
    world.finish(world.lease_of(run), end_time=ended)
    assert lengths(world.get(run)) == [(SCALING, 0), (RUNNING, 3), (POST_PROCESSING, 2)]


def test_a_canceled_run_has_waited_and_nothing_else(world: World) -> None:
    run = world.submit()
    world.clock.advance(7)
    world.core.cancellation.cancel("default", run.id, "me", "")
    assert lengths(world.get(run)) == [(SCALING, 7)]


def test_a_run_of_before_these_moments_were_kept_has_the_stages_that_are_known(world: World) -> None:
    world.agent()
    run = world.submit()
    world.finish(world.lease_of(run))
    forgotten: Any = dict.fromkeys(("queued_time", "leased_time", "finalizing_time", "final_time"))
    assert stages_of(replace(world.get(run), **forgotten)) == []
    (stage,) = stages_of(replace(world.get(run), **forgotten, build=BUILD))
    assert (stage.kind, stage.end_time) == (PREPARING, world.get(run).end_time)


def test_a_run_whose_agent_was_lost_before_it_began_has_waited_all_the_time(world: World) -> None:
    world.agent()
    run = world.submit()
    world.clock.advance(DURATION + MARGIN + 1)
    world.core.leases.look_after()
    assert lengths(world.get(run)) == [(SCALING, None)]
    world.clock.advance(9)
    world.agent("a2")
    assert lengths(world.get(run)) == [(SCALING, DURATION + MARGIN + 10), (RUNNING, None)]


def test_another_attempt_begins_its_own_timeline(world: World) -> None:
    world.agent()
    run, lease = world.start(max_retries=1)
    world.clock.advance(3)
    world.finish(lease, State.FAILED)
    world.clock.advance(10)
    world.core.retries.begin_due()
    world.clock.advance(4)
    assert lengths(world.get(run)) == [(SCALING, 0), (RUNNING, None)]
