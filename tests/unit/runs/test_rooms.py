"""Who is given a run: the agent with most room, however many there are, and never one that has none."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orris_runs.demands import NO_DEMANDS, Demands, Resources
from orris_runs.model import Agent, Slot
from orris_runs.rooms import Held, Rooms

HEAVY = Demands(resources=Resources(cpus=1))


def agents(slots: list[int]) -> list[Agent]:
    return [Agent(f"a{number}", "local", count, 0, resources=Resources(cpus=4)) for number, count in enumerate(slots)]


@settings(max_examples=200, deadline=None)
@given(slots=st.lists(st.integers(0, 4), max_size=6), wanted=st.lists(st.booleans(), max_size=30))
def test_each_run_goes_to_an_agent_with_as_many_free_slots_as_any(slots: list[int], wanted: list[bool]) -> None:
    free = {f"a{number}": count for number, count in enumerate(slots)}
    cpus = dict.fromkeys(free, 4)
    rooms = Rooms(agents(slots), {})
    for heavy in wanted:
        assert rooms.places(Slot.WORK) == sum(free.values())
        fitting = [name for name, count in free.items() if count and (not heavy or cpus[name])]
        taken = rooms.take(HEAVY if heavy else NO_DEMANDS, Slot.WORK)
        if heavy and taken is None:
            continue  # it may be kept waiting where another waits for room
        assert (taken is None) == (not fitting)
        if taken is not None:
            assert free[taken] == max(free[name] for name in fitting)
            free[taken] -= 1
            cpus[taken] -= heavy


def test_what_is_given_back_can_be_taken_again() -> None:
    rooms = Rooms(agents([1, 1]), {})
    first = rooms.take(NO_DEMANDS, Slot.WORK)
    assert first is not None
    assert rooms.take(NO_DEMANDS, Slot.WORK) is not None
    assert rooms.take(NO_DEMANDS, Slot.WORK) is None
    rooms.give_back(first, NO_DEMANDS, Slot.WORK)
    assert (rooms.places(Slot.WORK), rooms.take(NO_DEMANDS, Slot.WORK)) == (1, first)


def test_what_agents_hold_is_theirs_alone() -> None:
    held: Held = {("a0", Slot.WORK, "", "default/iris"): 2, ("a1", Slot.WORK, "", "default/iris"): 1}
    rooms = Rooms(agents([2, 3]), held)
    assert (rooms.places(Slot.WORK), rooms.take(NO_DEMANDS, Slot.WORK)) == (2, "a1")
