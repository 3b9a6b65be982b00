"""What runs use while they run: few samples of each, however long it runs."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from math import isfinite
from typing import Any

import sqlalchemy as sa

from orris.errors import InvalidArgument
from orris_runs import limits
from orris_runs.leases import held_run
from orris_runs.model import UsageSample
from orris_runs.reading import Reading
from orris_runs.schema import usage
from orris_runs.store import Change, Store


class Usage:
    """The samples of runs."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def append(self, lease: str, samples: Sequence[UsageSample]) -> None:
        """Keep samples under a lease; those not later than the last one are passed over.

        When there are too many, each two become one. Raises FailedPrecondition (LEASE_LOST).
        """
        with self._store.change() as change:
            self.take(change, held_run(change.connection, lease), samples)

    def take(self, change: Change, row: Any, samples: Sequence[UsageSample]) -> None:
        """Do so for a run, given as its row."""
        if len(samples) > limits.USAGE_APPENDED:
            raise InvalidArgument(f"samples: at most {limits.USAGE_APPENDED} at a time", field="samples")
        known = _of_run(change.connection, row.key)
        new = _later(samples, known[-1].time if known else None)
        kept = [*known, *new]
        while len(kept) >= limits.USAGE_SAMPLES:
            kept = _halved(kept)
        if len(kept) < len(known) + len(new):
            change.connection.execute(usage.delete().where(usage.c.run_key == row.key))
            new = kept
        if new:
            change.connection.execute(usage.insert(), [_to_row(row.key, sample) for sample in new])

    def list(self, workspace: str, run: str) -> list[UsageSample]:
        """Return the samples of a run in the order of time. Raises NotFound (RUN_NOT_FOUND)."""
        with self._store.look() as connection:
            row = self._reading.require_row(connection, workspace, run)
            samples = _of_run(connection, row.key)
        begin = UsageSample(row.start_time or row.create_time, 0, 0)
        return [_compared(sample, before) for before, sample in pairwise([begin, *samples])]


def _of_run(connection: sa.Connection, key: int) -> list[UsageSample]:
    rows = connection.execute(sa.select(usage).where(usage.c.run_key == key).order_by(usage.c.time))
    return [UsageSample(row.time, row.cpu_seconds, row.memory_bytes) for row in rows]


def _later(samples: Sequence[UsageSample], last: datetime | None) -> list[UsageSample]:
    """Return what is later than what comes before it, and can be a sample."""
    found = []
    for sample in samples:
        fine = isfinite(sample.cpu_seconds) and sample.cpu_seconds >= 0 and sample.memory_bytes >= 0
        if fine and (last is None or sample.time > last):
            found.append(sample)
            last = sample.time
    return found


def _halved(samples: Sequence[UsageSample]) -> list[UsageSample]:
    """Return one sample for each two, the last one kept, with the more memory of both."""
    single, pairs = samples[: len(samples) % 2], samples[len(samples) % 2 :]
    return [
        *single,
        *(
            UsageSample(later.time, later.cpu_seconds, max(earlier.memory_bytes, later.memory_bytes))
            for earlier, later in zip(pairs[::2], pairs[1::2], strict=True)
        ),
    ]


def _compared(sample: UsageSample, before: UsageSample) -> UsageSample:
    """Return a sample with how many processors were busy since the one before."""
    seconds = (sample.time - before.time).total_seconds()
    cpus = max(0.0, sample.cpu_seconds - before.cpu_seconds) / seconds if seconds > 0 else 0.0
    return UsageSample(sample.time, sample.cpu_seconds, sample.memory_bytes, cpus)


def _to_row(key: int, sample: UsageSample) -> dict[str, Any]:
    return {
        "run_key": key,
        "time": sample.time,
        "cpu_seconds": sample.cpu_seconds,
        "memory_bytes": sample.memory_bytes,
    }
