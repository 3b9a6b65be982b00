"""Where a run can stand, and which ways lead from there: the only place that knows."""

from enum import IntEnum

from orris.errors import FailedPrecondition


class State(IntEnum):
    """Where a run stands; the numbers are the contract's."""

    NOT_STARTED = 1
    PREPARING = 2
    PROVISIONING = 3
    QUEUED = 4
    RUNNING = 5
    FINALIZING = 6
    COMPLETED = 7
    FAILED = 8
    CANCEL_REQUESTED = 9
    CANCELED = 10
    NOT_RESPONDING = 11


FINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELED})
ACTIVE = frozenset(State) - FINAL

# PROVISIONING is how a queued run is shown while its pool has no agent: it is never stored.
_NEXT: dict[State, frozenset[State]] = {
    State.NOT_STARTED: frozenset({State.PREPARING, State.QUEUED, State.CANCELED}),
    State.PREPARING: frozenset({State.QUEUED, State.FAILED, State.CANCELED}),
    # To itself: an agent was lost before it executed anything. To FINALIZING, COMPLETED: reports overtake each other.
    State.QUEUED: frozenset({State.QUEUED, State.RUNNING, State.FINALIZING, State.CANCEL_REQUESTED} | FINAL),
    State.RUNNING: frozenset({State.FINALIZING, State.CANCEL_REQUESTED, State.NOT_RESPONDING} | FINAL),
    State.NOT_RESPONDING: frozenset({State.RUNNING, State.FINALIZING, State.CANCEL_REQUESTED} | FINAL),
    # To itself: its agent says what it waits for.
    State.FINALIZING: frozenset({State.FINALIZING}) | FINAL,
    State.CANCEL_REQUESTED: FINAL,
}


# Out of these, a run with retries goes back to QUEUED; an agent cannot report that.
_REPEATED = frozenset({State.QUEUED, State.RUNNING, State.NOT_RESPONDING, State.FINALIZING})


def may_be_repeated(state: State) -> bool:
    """Tell whether another attempt may follow one that failed in `state`: not where somebody has canceled it."""
    return state in _REPEATED


def may_follow(state: State, new: State) -> bool:
    """Tell whether a run in `state` may be in `new` next."""
    return new in _NEXT.get(state, frozenset())


def check_transition(state: State, new: State) -> None:
    """Raise FailedPrecondition unless a run in `state` may be in `new` next."""
    if not may_follow(state, new):
        raise FailedPrecondition(f"a run that is {state.name} cannot become {new.name}", reason="INVALID_TRANSITION")
