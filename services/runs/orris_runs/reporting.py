"""All that an agent says of a run at a time: where it stands, what it has written since. Stored together, or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from orris.errors import InvalidArgument, OutOfRange
from orris_runs import limits
from orris_runs.events import Events
from orris_runs.leases import Leases, Outcome, held_run
from orris_runs.logs import Logs, Taken, Written
from orris_runs.model import Event, UsageSample
from orris_runs.states import State
from orris_runs.store import Change, Store
from orris_runs.usage import Usage


@dataclass(frozen=True, slots=True)
class News:
    """What a run has written since its agent reported last."""

    logs: Sequence[Written] = ()
    first_sequence: int = 0
    events: Sequence[Event] = ()
    samples: Sequence[UsageSample] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What an agent says. Without a state the run stands where it stood."""

    state: State | None = None
    reason: str = ""
    time: datetime | None = None
    warnings: Sequence[str] = ()
    news: News = News()


@dataclass(frozen=True, slots=True)
class Heard:
    """How far it was taken, and whether the run is to be canceled."""

    cancel: bool
    logs: Sequence[Taken]
    next_sequence: int


class Reporting:
    """Takes what agents say of the runs that they have."""

    def __init__(self, store: Store, leases: Leases, logs: Logs, events: Events, usage: Usage) -> None:
        self._store = store
        self._leases = leases
        self._logs = logs
        self._events = events
        self._usage = usage

    def report(self, lease: str, report: Report) -> Heard:
        """Take a report. Said again, it changes nothing; what does not follow on what is stored is left out.

        Raises FailedPrecondition (LEASE_LOST, LOG_COMPLETE), ResourceExhausted (TOO_MANY_LOGS).
        """
        return self._store.together(self.taking(lease, report))

    def taking(self, lease: str, report: Report) -> Callable[[Change], Heard]:
        """Return what does so in a transaction."""
        _check_size(report.news)
        return lambda change: self._report(change, lease, report)

    def finishing(self, lease: str, news: News, outcome: Outcome) -> Callable[[Change], None]:
        """Return what takes the last that a run has written and ends it, in a transaction. Again it changes nothing.

        Raises FailedPrecondition (LEASE_LOST, LOG_COMPLETE), OutOfRange (LOG_GAP, EVENT_GAP), ResourceExhausted.
        """
        _check_size(news)
        return self._leases.finishing(lease, outcome, partial(self._take_all, news))

    def _report(self, change: Change, lease: str, report: Report) -> Heard:
        row = held_run(change.connection, lease)
        taken = [self._taken(change, row, each) for each in report.news.logs]
        following = self._following(change, row, report.news)
        if report.news.samples:
            self._usage.take(change, row, report.news.samples)
        cancel = self._leases.note(change, row, report.state, report.reason, report.time, report.warnings)
        return Heard(cancel, taken, following)

    def _taken(self, change: Change, row: Any, written: Written) -> Taken:
        try:
            return self._logs.take(change, row, written)
        except OutOfRange as gap:
            return Taken(int(gap.metadata["size"]))

    def _following(self, change: Change, row: Any, news: News) -> int:
        try:
            return self._events.take(change, row, news.first_sequence, news.events)
        except OutOfRange as gap:
            return int(gap.metadata["next_sequence"])

    def _take_all(self, news: News, change: Change, row: Any) -> None:
        for written in news.logs:
            self._logs.take(change, row, written)
        if news.events:
            self._events.take(change, row, news.first_sequence, news.events)
        if news.samples:
            self._usage.take(change, row, news.samples)


def _check_size(news: News) -> None:
    if sum(len(each.data) for each in news.logs) > limits.LOG_APPEND_BYTES:
        raise InvalidArgument("logs: send at most 1 MiB together", field="logs")
