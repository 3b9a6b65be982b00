"""Which machines of a cluster work for a run that is spread: rules on a cluster of fakes, without Ray."""

from __future__ import annotations

import importlib
import itertools
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest

import orris_agent

INSIDE = Path(orris_agent.__file__).parent / "inside"
OURS = ("orris_workers", "orris_crew", "orris_losses")


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class Machine:
    """So many processors, and what keeps workers from beginning there.

    problem: why no environment can be installed. lacking: it has to be, first. ready: whether workers say anything yet.
    crashes: whether all end at once.
    """

    def __init__(
        self,
        name: str,
        processors: int,
        problem: str = "",
        lacking: bool = False,
        ready: bool = True,
        crashes: bool = False,
    ) -> None:
        self.name, self.processors, self.free = name, processors, processors
        self.problem, self.lacking, self.ready, self.crashes = problem, lacking, ready, crashes
        self.alive = True


class Actor:
    """What Ray gives for a worker; a method's result is a reference, here the actor and what is to be done."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.machine: Machine | None = None
        self.lost = ""
        self.begin = self.call = self

    def remote(self, *given: Any) -> Reference:
        return Reference(self, given)


class Reference:
    def __init__(self, actor: Actor, given: tuple[Any, ...]) -> None:
        self.actor, self.given = actor, given


class Cluster:
    """Gives each actor a processor, in the order in which they are asked for, as long as there are some."""

    def __init__(self, *machines: Machine) -> None:
        self.machines = list(machines)
        self.actors: list[Actor] = []
        self.changed = threading.Condition()
        self.looks = 0
        self.here = threading.local()  # the name of the machine that does some work

    def add(self) -> Actor:
        actor = Actor(self)
        with self.changed:
            self.actors.append(actor)
            self._place()
        return actor

    def join(self, machine: Machine) -> None:
        with self.changed:
            self.machines.append(machine)
            self._place()

    def kill(self, actor: Actor) -> None:
        """End a process, as Ray does, or as something else does that happens to it."""
        with self.changed:
            self._end(actor, "its worker process has died")
            self._place()

    def lose(self, name: str) -> None:
        """Lose a machine, with what is on it."""
        with self.changed:
            (machine,) = (each for each in self.machines if each.name == name)
            machine.alive = False
            for actor in self.on(name):
                self._end(actor, f"its node has died. Node Id: {name}")
            self._place()

    def on(self, name: str) -> list[Actor]:
        return [each for each in self.actors if each.machine and each.machine.name == name and not each.lost]

    def wait_until(self, holds: Callable[[], object]) -> None:
        with self.changed:
            assert self.changed.wait_for(holds, 10)

    def nodes(self) -> list[dict[str, Any]]:
        with self.changed:
            self.looks += 1
            self.changed.notify_all()
        return [
            {
                "NodeID": each.name,
                "Alive": each.alive,
                "NodeManagerHostname": each.name,
                "DeathReasonMessage": "" if each.alive else "missed heartbeats",
                "Resources": {"CPU": each.processors} if each.alive else {},
            }
            for each in self.machines
        ]

    def wait(self, references: list[Reference], timeout: float) -> tuple[list[Reference], list[Reference]]:
        def answered() -> list[Reference]:
            return [each for each in references if each.actor.lost or (each.actor.machine and each.actor.machine.ready)]

        with self.changed:
            self.changed.wait_for(answered, timeout)
            return answered()[:1], []

    def get(self, reference: Reference) -> Any:
        actor = reference.actor
        if actor.lost:
            raise RayActorError(actor.lost)
        assert actor.machine is not None
        if len(reference.given) == 1:
            installed, actor.machine.lacking = actor.machine.lacking, False
            return actor.machine.name, actor.machine.name, installed, actor.machine.problem
        work, args, kwargs = pickle.loads(reference.given[0])  # its own
        self.here.machine = actor.machine.name
        result = work(*args, **kwargs)
        if actor.lost:
            raise RayActorError(actor.lost)
        return result, None, actor.machine.name

    def _end(self, actor: Actor, cause: str) -> None:
        if actor.machine is not None and not actor.lost:
            actor.machine.free += 1
        actor.lost = actor.lost or f"The actor died.\n\tclass_name: Worker\n\tpid: 7\nThe actor is dead because {cause}"
        self.changed.notify_all()

    def _place(self) -> None:
        for actor in self.actors:
            if actor.machine is not None or actor.lost:
                continue
            machine = next((each for each in self.machines if each.alive and each.free), None)
            if machine is not None:
                machine.free -= 1
                actor.machine = machine
                if machine.crashes:
                    self._end(actor, "its worker process has died")
        self.changed.notify_all()


class Work:
    """What a test has done by a worker: unpickled, it is itself."""

    known: ClassVar[list[Work]] = []

    def __init__(self, does: Callable[[int], Any]) -> None:
        self._does = does
        self.known.append(self)

    def __call__(self, number: int) -> Any:
        return self._does(number)

    def __reduce__(self) -> Any:
        return known_work, (self.known.index(self),)


def known_work(number: int) -> Work:
    return Work.known[number]


@pytest.fixture
def workers_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make workers on a cluster; those that wait for a machine look often, and are soon out of patience."""
    made = []

    def make(cluster: Cluster, count: int) -> Any:
        ray: Any = ModuleType("ray")
        ray.exceptions = ModuleType("ray.exceptions")
        others = ("NodeDiedError", "ObjectLostError", "OutOfMemoryError", "WorkerCrashedError")
        vars(ray.exceptions).update({name: type(name, (RayError,), {}) for name in others})
        vars(ray.exceptions).update(RayError=RayError, RayActorError=RayActorError)
        ray.cloudpickle = ModuleType("ray.cloudpickle")
        vars(ray.cloudpickle).update(CloudPickler=pickle.Pickler)
        chosen = type("Chosen", (), {"remote": staticmethod(cluster.add)})
        remote = type("Remote", (), {"options": staticmethod(lambda **_: chosen)})
        ray.is_initialized, ray.remote = lambda: True, lambda _: remote
        ray.wait, ray.get, ray.kill, ray.nodes = cluster.wait, cluster.get, cluster.kill, cluster.nodes
        monkeypatch.setitem(sys.modules, "ray", ray)
        monkeypatch.setitem(sys.modules, "ray.cloudpickle", ray.cloudpickle)
        for name in OURS:
            sys.modules.pop(name, None)
        module: Any = importlib.import_module("orris_workers")
        crew = sys.modules["orris_crew"]
        monkeypatch.setattr(crew, "_PATIENCE_SECONDS", 0.05)
        monkeypatch.setattr(crew, "_LOOK_SECONDS", 0.01)
        monkeypatch.setattr(crew, "_LONGEST_PAUSE_SECONDS", 0.01)
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
    for name in OURS:
        sys.modules.pop(name, None)


def asked(workers: Any, count: int, work: Callable[[int], Any] = abs) -> Any:
    """Have work done on so many numbers, without waiting for it."""
    return workers.pool.map_async(lambda number: workers.call(work, (number,), {}), range(count), chunksize=1)


def results(workers: Any, count: int, work: Callable[[int], Any] = abs) -> list[int]:
    found: list[int] = asked(workers, count, work).get(10)
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


def test_where_the_environment_had_to_be_installed_another_begins_in_it(workers_on: Any) -> None:
    cluster = Cluster(Machine("new", 1, lacking=True))
    assert results(workers_on(cluster, 1), 3) == [0, 1, 2]
    assert len(cluster.actors) == 2
    assert len(cluster.on("new")) == 1


def test_fewer_workers_than_a_bad_machine_has_processors_go_on_elsewhere(workers_on: Any) -> None:
    workers = workers_on(Cluster(Machine("bad", 3, "no network"), Machine("good", 3)), 2)
    assert results(workers, 6) == list(range(6))


def test_it_fails_where_no_machine_is_left(workers_on: Any) -> None:
    workers = workers_on(Cluster(Machine("bad", 1, "no network"), Machine("worse", 1, "no disk")), 2)
    with pytest.raises(RuntimeError, match=r"no worker could begin on the cluster: .*worse: no disk; mend that there"):
        results(workers, 2)
    assert len(workers_on.warned) == 2


def test_a_machine_where_none_has_begun_yet_is_waited_for(workers_on: Any) -> None:
    """It may be installing the environment: that another machine cannot says nothing of it."""
    slow = Machine("slow", 1, ready=False)
    cluster = Cluster(Machine("bad", 1, "no network"), slow)
    workers = workers_on(cluster, 1)
    asking = asked(workers, 2)
    cluster.wait_until(lambda: cluster.looks)  # patience is over
    slow.ready = True
    assert asking.get(10) == [0, 1]


def test_a_worker_that_is_lost_begins_again(workers_on: Any) -> None:
    cluster = Cluster(Machine("good", 1))
    workers = workers_on(cluster, 1)
    assert results(workers, 1) == [0]
    cluster.kill(*cluster.on("good"))
    assert results(workers, 3) == [0, 1, 2]
    assert workers_on.warned == [
        "a worker was lost on good: The actor died. The actor is dead because its worker process has died; "
        "its work is done by others"
    ]


def test_a_machine_that_is_lost_while_workers_begin_there_costs_these_alone(workers_on: Any) -> None:
    cluster = Cluster(Machine("good", 1), Machine("lost", 2, ready=False))
    workers = workers_on(cluster, 3)
    asking = asked(workers, 6)
    cluster.wait_until(lambda: len(cluster.on("lost")) == 2)
    cluster.lose("lost")
    assert asking.get(10) == list(range(6))
    cluster.join(Machine("new", 2))
    cluster.wait_until(lambda: len(cluster.on("new")) == 2)
    assert results(workers, 6) == list(range(6))
    assert workers_on.warned == [
        "a machine of the cluster was lost, lost: missed heartbeats; its work is done by others"
    ]


def test_workers_that_are_lost_before_their_first_work_are_nothing_to_it(workers_on: Any) -> None:
    """However many there were on the machine."""
    cluster = Cluster(Machine("lost", 5))
    workers = workers_on(cluster, 5)
    all_are_up = threading.Barrier(5)
    results(workers, 5, Work(lambda _: all_are_up.wait(10)))
    cluster.lose("lost")
    cluster.join(Machine("new", 1))
    assert results(workers, 3) == [0, 1, 2]
    assert len(workers_on.warned) == 1


def test_what_was_under_way_on_a_lost_machine_is_done_again_elsewhere_and_nothing_else(workers_on: Any) -> None:
    """Where there is no room for as many workers, fewer do it."""
    cluster, done, lost = Cluster(Machine("lost", 1), Machine("good", 1)), [], threading.Event()

    def loses(number: int) -> int:
        done.append(number)
        if cluster.here.machine == "good":
            assert lost.wait(10)
        elif number >= 4:
            cluster.lose("lost")
            lost.set()
        return number

    workers = workers_on(cluster, 2)
    assert results(workers, 8, Work(loses)) == list(range(8))
    assert sorted(map(done.count, range(8))) == [1] * 7 + [2]


def test_work_that_ends_its_worker_each_time_is_given_up_with_why(workers_on: Any) -> None:
    cluster = Cluster(Machine("good", 1))

    def crashes(number: int) -> None:
        cluster.kill(*cluster.on("good"))

    workers = workers_on(cluster, 1)
    with pytest.raises(RuntimeError, match=r"3 workers ended as they did the same work, on good: .*process has died"):
        results(workers, 1, Work(crashes))
    assert results(workers, 2) == [0, 1]


def test_work_is_not_blamed_for_machines_that_are_lost(workers_on: Any) -> None:
    numbers = itertools.count()
    cluster = Cluster(Machine("machine-0", 1))

    def unlucky(number: int) -> int:
        lost = next(numbers)
        if lost < 5:
            cluster.lose(f"machine-{lost}")
            cluster.join(Machine(f"machine-{lost + 1}", 1))
        return number

    assert results(workers_on(cluster, 1), 1, Work(unlucky)) == [0]
    assert len(workers_on.warned) == 5


def test_it_fails_where_every_worker_ends_as_it_begins(workers_on: Any) -> None:
    workers = workers_on(Cluster(Machine("broken", 2, crashes=True)), 2)
    with pytest.raises(RuntimeError, match=r"no worker could begin on the cluster: The actor died.*process has died"):
        results(workers, 2)
