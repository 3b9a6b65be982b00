"""Which machines of a cluster work for a run that is spread: rules on a cluster of fakes, without Ray."""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import orris_agent

INSIDE = Path(orris_agent.__file__).parent / "inside"


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class RayActorError(RayError):
    pass


class Machine:
    """So many processors, and why no worker can begin there."""

    def __init__(self, name: str, processors: int, problem: str = "") -> None:
        self.name, self.free, self.problem = name, processors, problem


class Actor:
    """What Ray gives for a worker; a method's result is a reference, here the actor and what is to be done."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.machine: Machine | None = None
        self.begin = self.call = self

    def remote(self, *given: Any) -> tuple[Actor, tuple[Any, ...]]:
        return self, given


class Cluster:
    """Gives each actor a processor, in the order in which they are asked for, as long as there are some."""

    def __init__(self, *machines: Machine) -> None:
        self.machines = machines
        self.waiting: list[Actor] = []
        self.changed = threading.Condition()

    def add(self) -> Actor:
        actor = Actor(self)
        with self.changed:
            self.waiting.append(actor)
            self._place()
        return actor

    def kill(self, actor: Actor) -> None:
        with self.changed:
            if actor in self.waiting:
                self.waiting.remove(actor)
            elif actor.machine is not None:
                actor.machine.free += 1
                actor.machine = None
            self._place()

    def wait(self, references: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        ((actor, _),) = references
        with self.changed:
            there = self.changed.wait_for(lambda: actor.machine is not None, timeout)
        return (references, []) if there else ([], references)

    def get(self, reference: Any) -> Any:
        actor, given = reference
        if actor.machine is None:
            raise RayActorError("it is gone")
        if len(given) == 1:
            if actor.machine.problem:
                raise RayTaskError(RuntimeError(f"{actor.machine.name}: {actor.machine.problem}"))
            return None
        work, args, kwargs = pickle.loads(given[0])  # its own
        return work(*args, **kwargs), None, actor.machine.name

    def _place(self) -> None:
        for machine in self.machines:
            while machine.free and self.waiting:
                machine.free -= 1
                self.waiting.pop(0).machine = machine
        self.changed.notify_all()


@pytest.fixture
def workers_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make workers on a cluster; those that wait for a machine look often, and are soon out of patience."""
    made = []

    def make(cluster: Cluster, count: int) -> Any:
        ray = ModuleType("ray")
        chosen = type("Chosen", (), {"remote": staticmethod(cluster.add)})
        remote = type("Remote", (), {"options": staticmethod(lambda **_: chosen)})
        exceptions = ModuleType("ray.exceptions")
        vars(exceptions).update(RayError=RayError, RayTaskError=RayTaskError, RayActorError=RayActorError)
        cloudpickle = ModuleType("ray.cloudpickle")
        vars(cloudpickle).update(CloudPickler=pickle.Pickler)
        vars(ray).update(
            is_initialized=lambda: True,
            remote=lambda _: remote,
            exceptions=exceptions,
            cloudpickle=cloudpickle,
            wait=cluster.wait,
            get=cluster.get,
            kill=cluster.kill,
        )
        monkeypatch.setitem(sys.modules, "ray", ray)
        monkeypatch.setitem(sys.modules, "ray.cloudpickle", cloudpickle)
        monkeypatch.delitem(sys.modules, "orris_workers", raising=False)
        module: Any = importlib.import_module("orris_workers")
        monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.05)
        monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
        # The library of the run is another than that of this process.
        monkeypatch.setattr(module, "_warn", lambda text: warned.append(text))
        found = module.Workers(count)
        made.append(found)
        return found

    warned: list[str] = []
    monkeypatch.setattr(make, "warned", warned, raising=False)
    monkeypatch.syspath_prepend(str(INSIDE / "orris_joblib"))
    monkeypatch.setenv("ORRIS_RAY_WORKER", "python")
    yield make
    for each in made:
        each.end()
    sys.modules.pop("orris_workers", None)


def results(workers: Any, count: int) -> list[int]:
    found: list[int] = workers.pool.map(lambda number: workers.call(abs, (-number,), {}), range(count), chunksize=1)
    return found


def test_machines_without_the_environment_are_named_and_others_do_the_work(workers_on: Any) -> None:
    cluster = Cluster(Machine("bad", 2, "no network"), Machine("good", 1))
    workers = workers_on(cluster, 3)
    assert results(workers, 10) == list(range(10))
    (said,) = workers_on.warned
    assert said.endswith("a worker could not begin on bad: no network")
    # What began there keeps its processors: so nobody tries that machine again.
    assert [each.free for each in cluster.machines] == [0, 0]
    workers.end()
    assert [each.free for each in cluster.machines] == [2, 1]


def test_fewer_workers_than_a_bad_machine_has_processors_go_on_elsewhere(workers_on: Any) -> None:
    workers = workers_on(Cluster(Machine("bad", 3, "no network"), Machine("good", 3)), 2)
    assert results(workers, 6) == list(range(6))


def test_it_fails_where_no_machine_is_left(workers_on: Any) -> None:
    workers = workers_on(Cluster(Machine("bad", 1, "no network"), Machine("worse", 1, "no disk")), 2)
    with pytest.raises(RuntimeError, match=r"a worker could not begin on the cluster: .*worse: no disk"):
        results(workers, 2)
    assert len(workers_on.warned) == 2


def test_a_worker_that_is_lost_begins_again(workers_on: Any) -> None:
    cluster = Cluster(Machine("good", 1))
    workers = workers_on(cluster, 1)
    assert results(workers, 1) == [0]
    cluster.kill(workers._actors[0])
    assert results(workers, 3) == [0, 1, 2]
    assert workers_on.warned == []
