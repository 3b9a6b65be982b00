"""Processes on the machines of a Ray cluster, in the run's own environment and with its snapshot at hand."""

import atexit
import io
import logging
import os
import pickle
import shlex
import socket
import subprocess
import sys
import threading
import traceback
from multiprocessing.pool import ThreadPool

import ray
import ray.cloudpickle

from orris_crew import Crew
from orris_losses import LOST, check_work

_END_SECONDS = 5
_TOLD_CHARACTERS = 300
_SHARED_BYTES = 1000 * 1000  # an array over that is sent once, however many calls have it


class Workers:
    """So many processes, each on a processor of its own. Those that are up work; a machine may bring more later."""

    def __init__(self, count):
        _connect()
        self.count = count
        self._shared = {}
        self._threads = set()
        self._crew = Crew(count, _new, _begun, _warn)
        self.pool = ThreadPool(count, lambda: self._threads.add(threading.current_thread()))
        atexit.register(self.end)  # before Ray ends itself, which was loaded earlier: who asks it then ends the program

    def call(self, work, args, kwargs):
        """Return the result of some work, done by whoever is free, and again by another where that one is lost."""
        lost = []
        while True:
            member = self._crew.take(lost)
            try:
                payload, arrays = self._packed((work, args, kwargs))
                result, error, told = ray.get(member.actor.call.remote(payload, arrays))
            except LOST as loss:
                self._crew.lose(member, loss)
                lost.append(member)
                check_work(lost, loss)
                continue
            except BaseException:
                self._crew.give_back(member)
                raise
            self._crew.give_back(member)
            if error is None:
                return result
            raise error from _RemoteTraceback(told)

    def forget(self):
        """Let go of the arrays that were shared: the next call may have changed them."""
        self._shared = {}

    def end(self):
        """End the processes; what is under way fails. Nobody asks Ray for anything afterwards."""
        atexit.unregister(self.end)
        self._crew.end()
        self.pool.terminate()
        for thread in list(self._threads):
            thread.join(_END_SECONDS)

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
        """Find modules where the script does; return the id and the name of this machine, and two things more:

        whether the environment was installed, so that the next worker begins in it, and why it was not. It may be asked
        again: whether it is there still.
        """
        machine = ray.get_runtime_context().get_node_id(), socket.gethostname()
        if "ORRIS_WORKER_INSTALLS" in os.environ:
            return machine + _installed(shlex.split(os.environ["ORRIS_WORKER_INSTALLS"]))
        sys.path[:0] = [place for place in map(os.path.abspath, path) if place not in sys.path]
        return machine + (False, "")

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


def _installed(command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        return False, "Orris's agent is not where it is on other machines: %s" % error
    said, told = (output.decode(errors="replace").strip() for output in (done.stdout, done.stderr))
    print(told, file=sys.stderr)
    if done.returncode == 0:
        return True, ""
    return False, said or "%s ended with %d: %s" % (command[0], done.returncode, told[-_TOLD_CHARACTERS:])


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


def _new():
    return ray.remote(Worker).options(num_cpus=1, runtime_env={"py_executable": _worker_command()}).remote()


def _begun(actor):
    return actor.begin.remote(_path())


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
