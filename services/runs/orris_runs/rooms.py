"""Who has room for what: the free slots of the agents of a pool, and what is free of their machines."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from math import inf

from orris_runs.demands import Demands, Resources, demands_of
from orris_runs.model import Agent, Slot

# What is held: how many leases there are of an agent, a kind of slot, demands, and an experiment. One without a slot is
# of a run whose program has ended: its agent keeps what it wrote.
Held = Mapping[tuple[str, Slot | None, str, str], int]
_Amounts = tuple[float, float, float]
# What an agent has of one kind: the slot, the text of the demands, how many.
_Taken = tuple[Slot | None, str, int]
# Fractions of a processor do not add up exactly.
_ROUNDING = 1e-6


class Room:
    """An agent, and what is free of it."""

    def __init__(self, agent: Agent, taken: Iterable[_Taken] = ()) -> None:
        self.agent = agent
        self.slots = {slot: agent.capacity(slot) for slot in Slot}
        self._free = total_of(agent)
        self._waited_for = False
        keeping = 0
        for slot, text, count in taken:
            if slot is None:
                keeping += count
            else:
                self.slots[slot] -= count
                self._take(demands_of(text), count)
        # Where what has ended cannot be kept, an agent does not go on until its disk is full.
        self.slots[Slot.WORK] -= max(0, keeping - agent.slots)

    @property
    def ahead(self) -> int:
        """How many runs it may have beside those that its slots are for."""
        return max(0, self.agent.ahead + min(0, self.slots[Slot.WORK]))

    def places(self, slot: Slot) -> int:
        """Return how many runs it may have besides."""
        return max(0, self.slots[slot]) + (self.ahead if slot is Slot.WORK else 0)

    def fits(self, demands: Demands) -> bool:
        """Tell whether as much is free now."""
        return not demands.weigh or (not self._waited_for and self.lacks(demands) == 0)

    def lacks(self, demands: Demands) -> float:
        """Return what is missing, in parts of the whole machine; 0 when as much is free now."""
        wanted = zip(amounts(demands.resources), self._free, total_of(self.agent), strict=True)
        return sum((want - free) / total for want, free, total in wanted if want and want > free + _ROUNDING)

    def take(self, demands: Demands, slot: Slot) -> None:
        """Note that a run gets it."""
        self.slots[slot] -= 1
        self._take(demands, 1)

    def give_back(self, demands: Demands, slot: Slot) -> None:
        """Note that the run does not need it after all."""
        self.slots[slot] += 1
        self._take(demands, -1)

    def take_up_to(self, demands: Demands, slot: Slot, most: int) -> int:
        """Give room to as many equal runs as there is for, and return how many."""
        if not could_take(self.agent, demands, slot):
            return 0
        wanted = zip(amounts(demands.resources), self._free, strict=True)
        parts = [(free + _ROUNDING) / want for want, free in wanted if want]
        count = max(0, min(most, self.slots[slot], *(int(part) for part in parts if part < most)))
        self.slots[slot] -= count
        self._take(demands, count)
        return count

    def be_waited_for(self) -> None:
        """Keep what becomes free for a run that is the first in the queue: those behind it that weigh wait too."""
        self._waited_for = True

    def _take(self, demands: Demands, count: int) -> None:
        cpus, memory, gpus = amounts(demands.resources)
        free = self._free
        self._free = free[0] - count * cpus, free[1] - count * memory, free[2] - count * gpus


class Rooms:
    """The agents of a pool that are there."""

    def __init__(self, agents: Iterable[Agent], held: Held) -> None:
        self._rooms = rooms_of(agents, held)
        self._places = {slot: sum(room.places(slot) for room in self._rooms) for slot in Slot}
        # For each kind of run: who may take it, by how many slots were free, the most first.
        self._by_room: dict[tuple[Demands, Slot], list[tuple[int, int]]] = {}

    def places(self, slot: Slot) -> int:
        """Return how many runs there are free slots for."""
        return self._places[slot]

    def take(self, demands: Demands, slot: Slot) -> str | None:
        """Return the agent that a run is for, with less room from now on; None when it has to wait.

        A run that would fit a machine, were it not for other runs, is not overtaken there by those that take what it
        waits for.
        """
        room = self._most_free(demands, slot) or self._taking_ahead(demands, slot)
        if room is not None:
            room.take(demands, slot)
            self._places[slot] -= 1
            return room.agent.id
        able = [room for room in self._rooms if demands.weigh and could_take(room.agent, demands, slot)]
        if able:
            min(able, key=lambda room: room.lacks(demands)).be_waited_for()
        return None

    def _most_free(self, demands: Demands, slot: Slot) -> Room | None:
        """Return the one with most free slots where a run fits: work spreads over the machines.

        There is only less room from one to the next, so nobody is looked at twice that had too little.
        """
        if (heap := self._by_room.get((demands, slot))) is None:
            able = (number for number, room in enumerate(self._rooms) if could_take(room.agent, demands, slot))
            heap = self._by_room[demands, slot] = [(-self._rooms[number].slots[slot], number) for number in able]
            heapify(heap)
        while heap:
            negated, number = heap[0]
            room = self._rooms[number]
            if room.slots[slot] <= 0 or not room.fits(demands):
                heappop(heap)
            elif room.slots[slot] < -negated:
                heapreplace(heap, (-room.slots[slot], number))
            else:
                return room
        return None

    def _taking_ahead(self, demands: Demands, slot: Slot) -> Room | None:
        """Return one that may have a run before it has a place for it: none that weighs, which may wait for long."""
        if slot is not Slot.WORK or demands.weigh:
            return None
        return next((room for room in self._rooms if room.ahead and could_take(room.agent, demands, slot)), None)

    def give_back(self, agent: str, demands: Demands, slot: Slot) -> None:
        """Note that a run does not need what it was given."""
        next(room for room in self._rooms if room.agent.id == agent).give_back(demands, slot)
        self._places[slot] += 1
        self._by_room.clear()

    def only_busy(self, demands: Demands, slot: Slot) -> bool:
        """Tell whether there is a slot for a run, but too little besides."""
        free = [room for room in self._rooms if could_take(room.agent, demands, slot) and room.slots[slot] > 0]
        return bool(free) and not any(room.lacks(demands) == 0 for room in free)


def rooms_of(agents: Iterable[Agent], held: Held) -> list[Room]:
    """Return agents with what is free of each."""
    taken: defaultdict[str, list[_Taken]] = defaultdict(list)
    for (name, slot, text, _), count in held.items():
        taken[name].append((slot, text, count))
    return [Room(agent, taken.get(agent.id, ())) for agent in agents]


def could_take(agent: Agent, demands: Demands, slot: Slot) -> bool:
    """Tell whether an agent executes such runs at all, and they fit its machine while it does nothing else."""
    able = agent.capacity(slot) > 0 and agent.offers(demands.isolation) and demands.abilities <= agent.abilities
    return able and large_enough(agent, demands.resources)


def large_enough(agent: Agent, needed: Resources) -> bool:
    """Tell whether a run fits the machine of an agent."""
    pairs = zip(amounts(needed), total_of(agent), strict=True)
    return all(want <= there + _ROUNDING for want, there in pairs)


def amounts(resources: Resources) -> _Amounts:
    """Return what runs share: processors, bytes of memory, graphics processors."""
    return resources.cpus, resources.memory_bytes, resources.gpus


def total_of(agent: Agent) -> _Amounts:
    """Return what an agent has. Processors and memory that it says nothing of are not counted."""
    cpus, memory, gpus = amounts(agent.resources)
    return cpus or inf, memory or inf, gpus


def largest(agents: Sequence[Agent]) -> Resources:
    """Return the most that any of the agents has, of each."""
    found = [agent.resources for agent in agents]
    return Resources(
        cpus=max(each.cpus for each in found),
        memory_bytes=max(each.memory_bytes for each in found),
        gpus=max(each.gpus for each in found),
    )
