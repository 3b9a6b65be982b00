"""A lease ends when it does, however late its agent reads of it."""

import pytest
from google.protobuf.duration_pb2 import Duration

from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent.lease_clock import LeaseClock

LEASE = agents.Lease(id="l", duration=Duration(seconds=30))


class Machine:
    """A machine whose clock says 1,000 more than the service's."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.clock = LeaseClock(lambda: self.time)
        self.clock.begin(self.time, sent(0.5))

    def end(self, message: agents.WatchLeasesResponse) -> float:
        return self.time + self.clock.left(LEASE, message)


def sent(clock: float) -> agents.WatchLeasesResponse:
    message = agents.WatchLeasesResponse()
    message.clock.FromMicroseconds(int(clock * 1e6))
    return message


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_message_that_is_read_at_once_gives_its_whole_duration_but_for_what_the_first_answer_took(
    machine: Machine,
) -> None:
    machine.time = 1040.0
    assert machine.end(sent(40)) == pytest.approx(1069.5)


def test_what_is_read_late_ends_no_later(machine: Machine) -> None:
    """The process was stopped, or the machine was cut off: the run may be another's by now."""
    message = sent(40)
    machine.time = 1140.0
    assert machine.end(message) == pytest.approx(1069.5)


def test_the_quickest_of_the_last_answers_tells_most(machine: Machine) -> None:
    for asked, clock in ((1010.0, 10.1), (1020.0, 29.0)):
        machine.clock.answered(asked, sent(clock))
    machine.time = 1040.0
    assert machine.end(sent(40)) == pytest.approx(1069.9)


def test_what_was_long_ago_is_forgotten(machine: Machine) -> None:
    """Clocks do not go exactly alike: this machine's goes slower."""
    for second in range(100):
        machine.clock.answered(1000.0 + second, sent(1.01 * second + 0.5))
    machine.time = 1100.0
    assert machine.end(sent(101)) == pytest.approx(1000.0 + 70 - (1.01 * 70 + 0.5) + 101 + 30)


def test_a_service_that_was_started_anew_has_another_clock(machine: Machine) -> None:
    machine.time = 5000.0
    assert machine.end(sent(1_000_000)) == 5030.0
    machine.clock.begin(5000.0, sent(2.0))
    machine.time = 5001.0
    assert machine.end(sent(3.0)) == 5031.0


def test_a_renewal_counts_from_when_it_was_asked_for(machine: Machine) -> None:
    machine.time = 1045.0
    assert machine.clock.left_of(Duration(seconds=30), 1040.0) == 25


def test_where_the_service_does_not_tell_its_clock_a_lease_holds_from_when_it_is_read(machine: Machine) -> None:
    machine.time = 1040.0
    assert machine.end(agents.WatchLeasesResponse()) == 1070.0
