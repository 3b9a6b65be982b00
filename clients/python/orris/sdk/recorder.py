"""What an interactive run reports is sent in the background, in order, each event once; its session is kept alive."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

from orris.errors import DeadlineExceeded, FailedPrecondition, OrrisError, ResourceExhausted, Unavailable
from orris.runs.v1 import agents_service_pb2, runs_service_pb2

if TYPE_CHECKING:
    from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub

# Azure's: so many are sent together, or what there is after a moment. A backlog goes in larger posts.
POST = 50
MOST_IN_A_POST = 1000
LINGER_SECONDS = 0.2
# What waits is in memory: a program that logs faster than that can be sent waits.
MOST_WAITING = 100_000
FLUSH_SECONDS = 300.0
PASSING = (Unavailable, DeadlineExceeded, ResourceExhausted)
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class Recorder:
    """The events of one session. Its thread ends with `close`, when the run is lost, or with the program."""

    def __init__(self, stub: Callable[[], RunServiceStub], name: str, session: str, patience: float) -> None:
        self.session = session
        self._stub = stub
        self._name = name
        self._renew_after = patience / 3
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._waiting: deque[agents_service_pb2.RunEvent] = deque()
        self._sent = 0
        self._hurry = False
        self._closed = False
        self._lost: OrrisError | None = None
        self._thread = threading.Thread(target=self._work, name=f"orris run {name}", daemon=True)
        self._thread.start()

    def put(self, events: Iterable[agents_service_pb2.RunEvent]) -> None:
        """Let events be sent; returns before they are.

        Raises FailedPrecondition when the run has ended, or in a process that was forked from that of the run.
        """
        self._check_process()
        with self._changed:
            for event in events:
                self._changed.wait_for(lambda: len(self._waiting) < MOST_WAITING or self._closed or bool(self._lost))
                self._check_open()
                self._waiting.append(event)
            self._changed.notify_all()

    def flush(self, timeout_seconds: float = FLUSH_SECONDS) -> None:
        """Wait until all is recorded. Raises DeadlineExceeded, or why nothing is recorded any more."""
        self._check_process()
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._waiting or self._lost, timeout_seconds)
            self._hurry = False
            if self._lost is not None:
                raise self._lost
            if not done:
                left = len(self._waiting)
                raise DeadlineExceeded(
                    f"{left} events were not recorded in {timeout_seconds:g} s; they go on being sent"
                )

    def close(self) -> None:
        """Send nothing more, and renew nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._pid == os.getpid() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=LONGEST_PAUSE)

    @property
    def closed(self) -> bool:
        """Whether the run has ended, as far as this process knows."""
        return self._closed or self._lost is not None

    def _check_process(self) -> None:
        if self._pid != os.getpid():
            message = "the run is held by the process that began it: log there, or begin a child run in this process"
            raise FailedPrecondition(message, reason="OTHER_PROCESS")

    def _check_open(self) -> None:
        if self._lost is not None:
            raise self._lost
        if self._closed:
            raise FailedPrecondition("the run has ended: nothing more is recorded of it", reason="RUN_ENDED")

    def _work(self) -> None:
        pause, heard = FIRST_PAUSE, time.monotonic()
        while (batch := self._next(heard)) is not None:
            try:
                self._send(batch)
                pause, heard = FIRST_PAUSE, time.monotonic()
            except PASSING:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except OrrisError as error:
                with self._changed:
                    self._lost = error
                    self._changed.notify_all()
                return

    def _next(self, heard: float) -> list[agents_service_pb2.RunEvent] | None:
        """Return the next events, none when the session is to be renewed; None when it is closed."""
        renew = heard + self._renew_after
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                if len(self._waiting) >= POST or (self._waiting and self._hurry):
                    break
                if not self._waiting and now >= renew:
                    break
                if self._waiting:
                    # Somebody logs: a moment for what comes along.
                    self._changed.wait_for(
                        lambda: self._hurry or self._closed or len(self._waiting) >= POST, LINGER_SECONDS
                    )
                    break
                self._changed.wait(max(renew - now, 0))
            return None if self._closed else [*self._first(MOST_IN_A_POST)]

    def _first(self, most: int) -> Iterable[agents_service_pb2.RunEvent]:
        """Yield the events that wait longest, of a size that passes."""
        room = 3 * 1024 * 1024
        for event in islice(self._waiting, most):
            room -= event.ByteSize() + 8
            if room < 0:
                return
            yield event

    def _send(self, batch: list[agents_service_pb2.RunEvent]) -> None:
        if not batch:
            self._stub().RenewRun(runs_service_pb2.RenewRunRequest(name=self._name, session=self.session))
            return
        request = runs_service_pb2.RecordRunEventsRequest(
            name=self._name, session=self.session, first_sequence=self._sent, events=batch
        )
        self._stub().RecordRunEvents(request)
        with self._changed:
            for _ in batch:
                self._waiting.popleft()
            self._sent += len(batch)
            self._changed.notify_all()
