"""Processes on the machines of a Ray cluster, in the run's own environment and with its snapshot at hand."""

import atexit
import io
import logging
import os
import pickle
import sys
import threading
import time
import traceback
from multiprocessing.pool import ThreadPool

import ray
import ray.cloudpickle

_ATTEMPTS = 3
_PATIENCE_SECONDS = 30
_LOOK_SECONDS = 0.5
_END_SECONDS = 5
_SHARED_BYTES = 1000 * 1000  # an array over that is sent once, however many calls have it


class Workers:
    """So many processes, each on a processor of its own. Those that are up work; a machine may bring more later.

    What begins on a machine without the environment keeps its processor there, idle: so the next begins elsewhere.
    """

    def __init__(self, count):
        _connect()
        self.count = count
        self._own = threading.local()
        self._actors = []
        self._threads = set()
        self._up = set()  # the threads that have a process
        self._problems = {}  # of machines without the environment
        self._shared = {}
        self._ended = self._told = False
        self.pool = ThreadPool(count, self._begin)
        atexit.register(self.end)  # before Ray ends itself, which was loaded earlier: who asks it then ends the program

    def call(self, work, args, kwargs):
        """Return the result of some work, done by the worker of this thread, or by another where that was lost."""
        for attempt in range(_ATTEMPTS):
            payload, arrays = self._packed((work, args, kwargs))
            if self._own.problem:
                raise RuntimeError("a worker could not begin on the cluster: %s" % self._own.problem)
            try:
                result, error, told = ray.get(self._own.actor.call.remote(payload, arrays))
                break
            except ray.exceptions.RayActorError:
                self._up.discard(threading.current_thread())
                if self._ended or attempt + 1 == _ATTEMPTS:
                    raise
                self._begin()
        if error is None:
            return result
        raise error from _RemoteTraceback(told)

    def forget(self):
        """Let go of the arrays that were shared: the next call may have changed them."""
        self._shared = {}

    def end(self):
        """End the processes; what is under way fails. Nobody asks Ray for anything afterwards."""
        self._ended = True
        atexit.unregister(self.end)
        for actor in list(self._actors):
            ray.kill(actor)
        self.pool.terminate()
        for thread in list(self._threads):
            thread.join(_END_SECONDS)

    def _begin(self):
        """Wait, in a thread of the pool, for the process that it will have. Where there can be none, its calls fail."""
        self._threads.add(threading.current_thread())
        self._own.problem, lost = "", 0
        while not self._ended and lost < _ATTEMPTS:
            actor = self._new()
            try:
                if self._wait_for(actor):
                    return
                self._own.problem = "; ".join(self._problems.values())
                lost = _ATTEMPTS
            except ray.exceptions.RayTaskError as error:
                self._note(str(error.cause))
                continue
            except ray.exceptions.RayError as error:  # also of one on a machine that is just being taken away
                self._own.problem = str(error)
                lost += 1
            self._actors.remove(actor)
            ray.kill(actor)  # it would hold a processor

    def _new(self):
        actor = ray.remote(Worker).options(num_cpus=1, runtime_env={"py_executable": _worker_command()}).remote()
        self._actors.append(actor)
        return actor

    def _wait_for(self, actor):
        """Wait until a process works for this thread; return False where no machine is left that could have one.

        Raises RayTaskError where it is on a machine without the environment, RayError where it does not begin.
        """
        begun, since = actor.begin.remote(_path()), time.monotonic()
        while not ray.wait([begun], timeout=_LOOK_SECONDS)[0] and not self._ended:
            if time.monotonic() - since > _PATIENCE_SECONDS:
                if self._problems and not self._up:
                    return False
                self._tell()
        if self._ended:
            raise ray.exceptions.RayError("the program has ended")
        ray.get(begun)
        self._up.add(threading.current_thread())
        self._own.actor = actor
        return True

    def _note(self, problem):
        """Warn of a machine without the environment, once."""
        machine = problem.partition(": ")[0]
        if self._problems.setdefault(machine, problem) is problem:
            message = "a machine of the cluster does no work for this run: a worker could not begin on %s" % problem
            print("orris: " + message, file=sys.stderr, flush=True)
            _warn(message)

    def _tell(self):
        """Say what the program waits for, once, where nobody works for it yet."""
        if not self._told and not self._up:
            self._told = True
            message = "orris: joblib has asked the Ray cluster for %d processors, and has none yet: see `ray status`"
            print(message % self.count, file=sys.stderr, flush=True)

    def _packed(self, call):
        arrays = []
        file = io.BytesIO()
        pickler = _Pickler(file, protocol=pickle.HIGHEST_PROTOCOL)
        pickler.shared, pickler.arrays = self._shared, arrays
        pickler.dump(call)
        return file.getvalue(), arrays


class Worker:
    """The process. It is no daemon's: what it calls may use threads."""

    def begin(self, path):
        """Find modules where the script does. Raises RuntimeError where there is no environment for them."""
        if "ORRIS_WORKER_PROBLEM" in os.environ:
            raise RuntimeError(os.environ["ORRIS_WORKER_PROBLEM"])
        sys.path[:0] = [os.path.abspath(entry) for entry in path]

    def call(self, payload, arrays):
        """Return the result, or what was raised, with the traceback as text."""
        unpickler = _Unpickler(io.BytesIO(payload))
        unpickler.arrays = arrays
        try:
            work, args, kwargs = unpickler.load()
            return work(*args, **kwargs), None, ""
        except Exception as error:
            told = traceback.format_exc()
            try:
                ray.cloudpickle.loads(ray.cloudpickle.dumps(error))
            except Exception:
                error = RuntimeError("%s: %s" % (type(error).__name__, error))
            return None, error, told


class _Pickler(ray.cloudpickle.CloudPickler):
    def persistent_id(self, thing):
        kind = type(thing)
        if (kind.__module__, kind.__name__) != ("numpy", "ndarray") or thing.nbytes < _SHARED_BYTES:
            return None
        if thing.dtype.hasobject:
            return None
        if id(thing) not in self.shared:
            self.shared[id(thing)] = (thing, ray.put(thing))
        self.arrays.append(self.shared[id(thing)][1])
        return len(self.arrays) - 1


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, number):
        return ray.get(self.arrays[number])


class _RemoteTraceback(Exception):
    def __init__(self, told):
        self.told = told

    def __str__(self):
        return '\n"""\n%s"""' % self.told


def processors():
    """Return how many processors the cluster has, or is to be asked for: its autoscaler may bring the machines."""
    _connect()
    return max(1, int(ray.cluster_resources().get("CPU", 0)), int(os.environ["ORRIS_RAY_PROCESSORS"]))


def _connect():
    if ray.is_initialized():
        return
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have this module
    ray.init(
        address=os.environ["ORRIS_RAY_ADDRESS"],
        logging_level=logging.ERROR,
        runtime_env={"working_dir": os.environ["ORRIS_RAY_SNAPSHOT"]},
    )


def _warn(message):
    from orris import _journal

    _journal.at(os.path.join(os.environ["ORRIS_RUN_FOLDER"], "journal.jsonl")).append(
        {"event": "warning", "text": message}
    )


def _worker_command():
    return os.environ["ORRIS_RAY_WORKER"]


def _path():
    """Return where modules are found beside the environment's: places in the working directory, relative to that."""
    here = os.path.join(os.getcwd(), "")
    return [
        os.path.relpath(entry or ".") for entry in sys.path if os.path.join(os.path.abspath(entry), "").startswith(here)
    ]
