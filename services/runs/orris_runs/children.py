"""Runs that a run begins itself: below it, like it, and with no more rights than its own."""

from dataclasses import replace

import sqlalchemy as sa

from orris.errors import PermissionDenied, ResourceExhausted
from orris.names import RunName
from orris_runs import limits
from orris_runs.demands import Demands, Isolation
from orris_runs.model import Kind, NewRun, Run
from orris_runs.reading import Reading
from orris_runs.schema import runs
from orris_runs.store import Store


class Children:
    """What a run may begin."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def as_begun_by(self, caller: str, new: NewRun) -> NewRun:
        """Return what a run gets that another one, by its id, begins: it is the same person's, and no freer.

        Raises PermissionDenied (OTHER_RUN, BEYOND_PARENT), ResourceExhausted (TOO_MANY_CHILDREN).
        """
        if not new.parent_run:
            raise PermissionDenied("a run may begin children of its own only", reason="OTHER_RUN")
        parent = RunName.parse(new.parent_run, field="run.parent_run")
        if parent.run != caller and not self._reading.is_below(parent, caller):
            raise PermissionDenied("a run may begin children of its own only", reason="OTHER_RUN")
        self._check_number(parent)
        own = self._reading.get(new.workspace, caller)
        if problem := _beyond(own, new):
            raise PermissionDenied(f"{problem} than the run that begins it", reason="BEYOND_PARENT")
        demands = new.demands if new.kind is Kind.INTERACTIVE else _held(own.demands, new.demands)
        return replace(new, submitted_by=own.submitted_by, demands=demands)

    def _check_number(self, parent: RunName) -> None:
        below = sa.select(runs.c.key).where(
            runs.c.workspace == parent.workspace, runs.c.parent_run == str(parent), runs.c.parent_run != ""
        )
        with self._store.look() as connection:
            if connection.execute(below.offset(limits.CHILDREN - 1).limit(1)).one_or_none() is not None:
                message = f"the run {parent.run} has {limits.CHILDREN} children: it can begin no more"
                raise ResourceExhausted(message, reason="TOO_MANY_CHILDREN")
        if self._reading.depth(parent) >= limits.GENERATIONS:
            message = f"the run {parent.run} is {limits.GENERATIONS} generations below the first: it can begin none"
            raise ResourceExhausted(message, reason="TOO_MANY_CHILDREN")


def _beyond(own: Run, new: NewRun) -> str:
    if new.experiment != own.experiment:
        return "run.experiment: it must be of no other experiment"
    if new.kind not in (Kind.TRAINING, Kind.INTERACTIVE):
        return "run.kind: it must be training or interactive, and so no other"
    if new.priority > own.priority:
        return "run.priority: it must have no higher priority"
    contained = own.demands.isolation is Isolation.CONTAINER
    if contained and new.demands.isolation not in (Isolation.UNSPECIFIED, Isolation.CONTAINER):
        return "run.isolation: it must have no less isolation"
    return ""


def _held(own: Demands, asked: Demands) -> Demands:
    """Return what a run asks for, in a container and without a network where its parent is."""
    contained = own.isolation is Isolation.CONTAINER
    return replace(
        asked,
        isolation=Isolation.CONTAINER if contained else asked.isolation,
        network_disabled=asked.network_disabled or own.network_disabled,
    )
