"""Who collects a workspace's garbage."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from orris.errors import Conflict
from orris_artifacts import schema
from orris_artifacts.lease import LEASE, RENEW_AFTER, Lease, held_lease
from orris_kit.database import read
from tests.unit.artifacts.conftest import Clock


def lease(engine: sa.Engine, clock: Clock) -> Lease:
    return Lease(engine, "lab", clock)


def collect_time(engine: sa.Engine) -> object:
    with read(engine) as connection:
        return connection.scalar(sa.select(schema.collections.c.collect_time))


def test_one_holds_it(engine: sa.Engine, clock: Clock) -> None:
    with held_lease(engine, "lab", clock):
        with pytest.raises(Conflict, match="workspace lab") as caught:
            lease(engine, clock).take()
        assert caught.value.reason == "COLLECTING_ALREADY"
        Lease(engine, "lab2", clock).take()


def test_a_holder_that_died_is_followed_when_its_lease_has_run_out(engine: sa.Engine, clock: Clock) -> None:
    lease(engine, clock).take()
    clock.now += LEASE
    lease(engine, clock).take()


def test_a_holder_that_works_renews_it(engine: sa.Engine, clock: Clock) -> None:
    mine = lease(engine, clock)
    mine.take()
    for _ in range(10):
        clock.now += RENEW_AFTER
        mine.renew()
    clock.now += LEASE - RENEW_AFTER
    with pytest.raises(Conflict):
        lease(engine, clock).take()


def test_a_holder_that_stood_still_learns_that_it_lost_it(engine: sa.Engine, clock: Clock) -> None:
    mine = lease(engine, clock)
    mine.take()
    clock.now += LEASE
    with held_lease(engine, "lab", clock):
        with pytest.raises(Conflict):
            mine.renew()
        mine.give_back()
        with pytest.raises(Conflict):
            lease(engine, clock).take()


def test_only_what_was_collected_to_the_end_is_written_down(engine: sa.Engine, clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError), held_lease(engine, "lab", clock):
        raise ZeroDivisionError
    assert collect_time(engine) is None
    begin = clock()
    with held_lease(engine, "lab", clock):
        clock.turn(minutes=3)
    assert collect_time(engine) == begin
