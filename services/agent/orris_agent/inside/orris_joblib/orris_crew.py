"""The processes that work for a run, wherever Ray begins them: those that are up, and those that may yet begin.

One that is lost, as it begins, before its first work or during some, is one that is missing: another is asked for, and
begins where the cluster has room. Work waits for whoever is free, never for a certain one.
"""

import sys
import threading
import time

import ray

from orris_losses import Losses, why

_PATIENCE_SECONDS = 30
_LOOK_SECONDS = 0.5
_END_SECONDS = 5
_LONGEST_PAUSE_SECONDS = 30
_REFUSALS = 3
_PROBLEMS_SAID = 5


class Member:
    """A process: Ray's handle of it, the id of its machine in the cluster, and that machine's name."""

    def __init__(self, actor):
        self.actor = actor
        self.machine = self.host = ""


class Crew:
    """So many processes, or as many of them as there is room for.

    ask: returns the handle of a process that is to begin. say: returns a reference to what a process says when it is
    up: the id of its machine, that machine's name, whether it has merely installed the environment there, and why it
    could not. warn: warns the run. What begins on a machine without the environment keeps its processor there, idle:
    so the next begins elsewhere.
    """

    def __init__(self, count, ask, say, warn):
        self._count = self._missing = count
        self._ask, self._say, self._warn = ask, say, warn
        self._beginning = {}  # by the reference to what they will say
        self._up = set()
        self._free = []
        self._idle = []
        self._problems = {}  # of machines without the environment, by id
        self._refusals, self._refusal = 0, ""  # since the last that began
        self._losses = Losses(self._tell)
        self._failure = ""
        self._ended = self._told = False
        self._not_before = self._last_up = time.monotonic()
        self._lock = threading.Lock()
        self._change = threading.Condition(self._lock)  # for the keeper
        self._freed = threading.Condition(self._lock)
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def take(self, lost=()):
        """Return a process that is free, as soon as there is one; rather none of a machine where one was lost.

        Raises RuntimeError where none can be had.
        """
        with self._lock:
            self._freed.wait_for(lambda: self._free or self._failure or self._ended)
            if self._ended or not self._free:
                raise RuntimeError(self._failure or "the program has ended")
            avoided = {member.machine for member in lost}
            member = next((each for each in self._free if each.machine not in avoided), self._free[0])
            self._free.remove(member)
            return member

    def give_back(self, member):
        """Let others have a process."""
        with self._lock:
            self._free.append(member)
            self._freed.notify()

    def lose(self, member, error):
        """Have another begin for a process that is gone. Those beside it are asked whether they are still there.

        Raises the error where all are ended.
        """
        with self._lock:
            if self._ended:
                raise error
            beside = [each for each in self._free if each.machine == member.machine]
            self._free = [each for each in self._free if each not in beside]
            self._up.difference_update(beside, [member])
            self._last_up = time.monotonic()
            self._beginning.update((self._say(each.actor), each) for each in beside)
            self._missing += 1
            self._change.notify()
        ray.kill(member.actor)  # it may be there still, and hold a processor
        self._losses.note(member, error)

    def end(self):
        """End all processes; what they do fails. Nobody here asks Ray for anything afterwards."""
        with self._lock:
            self._ended = True
            actors = [member.actor for member in [*self._up, *self._beginning.values(), *self._idle]]
            self._change.notify()
            self._freed.notify_all()
        for actor in actors:
            ray.kill(actor)
        self._keeper.join(_END_SECONDS)

    def _keep(self):
        try:
            while not self._ended and not self._failure:
                self._ask_for_missing()
                self._hear()
                self._look()
        except Exception as error:  # all would wait, and nobody would hear of it
            self._fail("the Ray cluster cannot be asked for workers: %s: %s" % (type(error).__name__, why(error)))

    def _ask_for_missing(self):
        while self._missing and not self._ended and time.monotonic() >= self._not_before:
            member = Member(self._ask())
            said = self._say(member.actor)
            with self._lock:
                self._missing -= 1
                self._beginning[said] = member
            if self._ended:
                ray.kill(member.actor)

    def _hear(self):
        """Wait until one says that it is up, or a while is over; where all are up, until one is missing."""
        with self._lock:
            self._change.wait_for(lambda: self._missing or self._beginning or self._ended)
            if not self._beginning and not self._ended:
                self._change.wait(_LOOK_SECONDS)  # a pause before the next is asked for
            begun = list(self._beginning)
        if begun and not self._ended:
            for said in ray.wait(begun, timeout=_LOOK_SECONDS)[0]:
                self._welcome(said, self._beginning[said])

    def _welcome(self, said, member):
        try:
            member.machine, member.host, installed, problem = ray.get(said)
        except ray.exceptions.RayError as error:  # also of one on a machine that is just being taken away
            self._refuse(said, member, error)
            return
        with self._lock:
            del self._beginning[said]
            if installed:
                self._missing += 1
            elif problem:
                self._missing += 1
                self._idle.append(member)
            else:
                self._refusals, self._told = 0, False
                self._up.add(member)
                self._free.append(member)
                self._freed.notify()
        if installed:
            ray.kill(member.actor)  # in its place, one begins in the environment
        if problem and member.machine not in self._problems:
            self._problems[member.machine] = "%s: %s" % (member.host, problem)
            message = "a machine of the cluster does no work for this run: a worker could not begin on %s"
            self._tell(message % self._problems[member.machine])

    def _refuse(self, said, member, error):
        """Have another begin: at once where the machine was lost, after a pause that grows where that is there."""
        if self._ended:
            return
        ray.kill(member.actor)  # it would hold a processor
        machine_lost, now = self._losses.note(member, error), time.monotonic()
        with self._lock:
            del self._beginning[said]
            self._missing += 1
            if not machine_lost and now >= self._not_before:  # several at a time are one refusal
                self._refusals, self._refusal = self._refusals + 1, why(error)
                self._not_before = now + min(2 ** (self._refusals - 1), _LONGEST_PAUSE_SECONDS)

    def _look(self):
        """Where nobody has been up for long, say so; give up where it is known why, and no machine is left."""
        if self._up or time.monotonic() - self._last_up < _PATIENCE_SECONDS:
            return
        problems = list(self._problems.values())
        if self._refusals >= _REFUSALS:
            problems.append(self._refusal)
        elif self._is_a_machine_left():
            problems.clear()
        if problems:
            message = "no worker could begin on the cluster: %s; mend that there, or submit to another pool"
            self._fail(message % "; ".join(list(dict.fromkeys(problems))[:_PROBLEMS_SAID]))
        elif not self._told:
            self._told = True
            message = "joblib has asked the Ray cluster for %d processors, and none works yet: see `ray status`"
            _print(message % self._count)

    def _is_a_machine_left(self):
        return any(
            node["Alive"] and node["Resources"].get("CPU", 0) >= 1 and node["NodeID"] not in self._problems
            for node in ray.nodes()
        )

    def _fail(self, failure):
        with self._lock:
            self._failure = failure
            self._freed.notify_all()

    def _tell(self, message):
        _print(message)
        self._warn(message)


def _print(message):
    print("orris: " + message, file=sys.stderr, flush=True)
