"""What joblib does by default in a run that is spread: its work goes to processes on the machines of a Ray cluster.

Threads stay threads, where a caller prefers them, and what names its own backend keeps it.
"""

from joblib._parallel_backends import FallbackToBackend, MultiprocessingBackend, SequentialBackend

_kept = None


def _workers(count):
    """Return so many workers: those of the last call, or others, for each of which the cluster needs a processor."""
    global _kept
    if _kept is None or _kept.count != count:
        _drop()
        from orris_workers import Workers

        _kept = Workers(count)
    _kept.forget()
    return _kept


def _drop():
    global _kept
    if _kept is not None:
        _kept.end()
        _kept = None


class ClusterBackend(MultiprocessingBackend):
    """A backend of joblib. Ray is loaded by the first call that has more than one job."""

    supports_return_generator = True

    def effective_n_jobs(self, n_jobs):
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None or n_jobs == 1 or not (self.in_main_thread() or self.nesting_level == 0):
            return 1
        if n_jobs > 0:
            return n_jobs
        from orris_workers import processors

        return max(processors() + 1 + n_jobs, 1)

    def configure(self, n_jobs=1, parallel=None, prefer=None, require=None, **ignored):
        n_jobs = self.effective_n_jobs(n_jobs)
        if n_jobs == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        self._workers = _workers(n_jobs)
        self._pool = self._workers.pool
        return n_jobs

    def submit(self, func, callback=None):
        return super().submit(_Remote(self._workers, func), callback)

    def apply_async(self, func, callback=None):
        if isinstance(func, _Remote):  # joblib before 1.5 submits so
            return super().apply_async(func, callback)
        return super().apply_async(_Remote(self._workers, func), callback)

    def terminate(self):
        self._pool = None
        self.reset_batch_stats()

    def abort_everything(self, ensure_ready=True):
        _drop()
        super().abort_everything(ensure_ready=ensure_ready)


class _Remote:
    """Some work, done by a worker of the thread that calls this."""

    def __init__(self, workers, work):
        self._workers = workers
        self._work = work

    def __call__(self, *args, **kwargs):
        return self._workers.call(self._work, args, kwargs)
