"""Transactions that come at the same time, as one: durable at once, for the price of one.

together = Together(engine)
made = together.write(lambda connection: ...)                         # from any thread
made = await together.write_soon(lambda connection: ..., then=print)  # from an event loop

In SQLite there is one writer at a time, and each commit waits for the disk: what comes meanwhile is done next, in one
transaction, each in a savepoint of its own. PostgreSQL commits together by itself what many connections commit.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa

from orris_kit.blocking import run_blocking
from orris_kit.database.statement import Statement
from orris_kit.database.transactions import write

T = TypeVar("T")
# So many are one transaction: those who come later need not wait for more.
MOST = 64
_BEGIN = Statement(sa.text("SAVEPOINT one_of_them"))
_UNDO = Statement(sa.text("ROLLBACK TO one_of_them"))
_END = Statement(sa.text("RELEASE one_of_them"))


class _Wanted:
    """What somebody wants to be done, and what became of it."""

    __slots__ = ("action", "done", "error", "value")

    def __init__(self, action: Callable[[sa.Connection], Any]) -> None:
        self.action = action
        self.done = False
        self.error: BaseException | None = None
        self.value: Any = None

    def do(self, connection: sa.Connection) -> None:
        """Do it in a savepoint: where it raises, that is undone, and only that."""
        _BEGIN.run(connection)
        try:
            self.value = self.action(connection)
        except Exception as error:
            self.error = error
            _UNDO.run(connection)
        _END.run(connection)


class Together:
    """Runs what is to be written in transactions that are shared."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._alone = engine.dialect.name != "sqlite"
        self._coming: deque[_Wanted] = deque()
        self._turn = threading.Lock()
        self._soon: dict[asyncio.Future[None], tuple[_Wanted, Callable[[Any], object]]] = {}
        self._at_work: asyncio.Future[None] | None = None

    def write(self, action: Callable[[sa.Connection], T]) -> T:
        """Return what `action` returns, once that is durable; undone when it raises. What others do is not touched.

        Raises what `write` raises, for all who shared the transaction.
        """
        if self._alone:
            with write(self._engine) as connection:
                return action(connection)
        wanted = _Wanted(action)
        self._coming.append(wanted)
        with self._turn:
            while not wanted.done:
                self._do_next()
        if wanted.error is not None:
            raise wanted.error
        value: T = wanted.value
        return value

    async def write_soon(self, action: Callable[[sa.Connection], T], then: Callable[[T], object]) -> T:
        """Do the same for an event loop: all that has come meanwhile is one hop to a thread and back.

        `then` is called with what `action` returned, in the thread, once that is durable.
        """
        if self._alone:
            return await run_blocking(self._write_alone, action, then)
        wanted = _Wanted(partial(copy_context().run, action))  # type: ignore[call-arg]
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._soon[answer] = wanted, then
        if self._at_work is None:
            self._at_work = asyncio.ensure_future(self._write_all())
        await answer
        if wanted.error is not None:
            raise wanted.error
        value: T = wanted.value
        return value

    def _write_alone(self, action: Callable[[sa.Connection], T], then: Callable[[T], object]) -> T:
        value = self.write(action)
        then(value)
        return value

    async def _write_all(self) -> None:
        batch: dict[asyncio.Future[None], tuple[_Wanted, Callable[[Any], object]]] = {}
        try:
            while self._soon:
                batch = {answer: self._soon.pop(answer) for answer in list(self._soon)[:MOST]}
                await run_blocking(self._write_batch, list(batch.values()))
                for answer in batch:
                    if not answer.done():  # who asked was canceled
                        answer.set_result(None)
        finally:
            self._at_work = None
            for answer in batch:
                answer.cancel()

    def _write_batch(self, batch: Sequence[tuple[_Wanted, Callable[[Any], object]]]) -> None:
        """Do what is wanted. Errors are kept for those who wanted it."""
        self._do([wanted for wanted, _ in batch])
        for wanted, then in batch:
            if wanted.error is None:
                try:
                    then(wanted.value)
                except Exception as error:
                    wanted.error = error

    def _do_next(self) -> None:
        self._do([self._coming.popleft() for _ in range(min(MOST, len(self._coming)))])

    def _do(self, batch: Sequence[_Wanted]) -> None:
        try:
            with write(self._engine) as connection:
                if len(batch) == 1:
                    batch[0].value = batch[0].action(connection)
                else:
                    for wanted in batch:
                        wanted.do(connection)
        except BaseException as error:
            for wanted in batch:
                wanted.error = wanted.error or error
            if not isinstance(error, Exception):
                raise
        finally:
            for wanted in batch:
                wanted.done = True
