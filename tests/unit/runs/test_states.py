"""Only the transitions in the table are possible."""

import itertools

import pytest

from orris.errors import FailedPrecondition
from orris.runs.v1 import runs_pb2
from orris_runs.model import ErrorCode, Kind, MetricType
from orris_runs.states import ACTIVE, FINAL, State, check_transition, may_follow


def test_nothing_follows_a_final_state() -> None:
    assert not any(may_follow(state, new) for state, new in itertools.product(FINAL, State))


def test_a_run_that_is_finalizing_may_say_what_it_waits_for() -> None:
    assert may_follow(State.FINALIZING, State.FINALIZING)


def test_every_active_state_leads_to_an_end() -> None:
    assert all(may_follow(state, State.CANCELED) for state in ACTIVE - {State.PROVISIONING})


@pytest.mark.parametrize(
    ("state", "new"),
    [
        (State.FINALIZING, State.RUNNING),
        (State.CANCEL_REQUESTED, State.RUNNING),
        (State.PREPARING, State.RUNNING),
        (State.RUNNING, State.QUEUED),
        (State.QUEUED, State.PREPARING),
    ],
)
def test_what_the_table_does_not_name_is_refused(state: State, new: State) -> None:
    with pytest.raises(FailedPrecondition, match="cannot become"):
        check_transition(state, new)


def test_numbers_are_those_of_the_contract() -> None:
    for ours, prefix, theirs in (
        (State, "STATE_", runs_pb2.Run.State),
        (Kind, "RUN_KIND_", runs_pb2.RunKind),
        (ErrorCode, "CODE_", runs_pb2.RunError.Code),
        (MetricType, "TYPE_", runs_pb2.MetricPoint.Type),
    ):
        assert {f"{prefix}{each.name}": each.value for each in ours} == {
            name: number for name, number in theirs.items() if number
        }
