"""The log of a sweep: line by line for people, and as Azure's HyperDrive writes it."""

from typing import Any

import sqlalchemy as sa

from orris_kit.text import readable
from orris_runs.log_rows import append_row
from orris_runs.model import STD_LOG
from orris_runs.schema import logs
from orris_runs.store import Change, Clock, logs_changed

HYPERDRIVE_LOG = "azureml-logs/hyperdrive.txt"
LINE_CHARACTERS = 2000


class SweepLog:
    """Writes in the transaction of what it tells of."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def say(self, change: Change, row: Any, part: str, text: str) -> None:
        """Append a line to the logs of a sweep that goes on; `part` is the one of HyperDrive's that would say it."""
        now = self._clock.now()
        line = readable(text, LINE_CHARACTERS)
        azures = f'"<START>[{now:%Y-%m-%dT%H:%M:%S.%f}][{part}][INFO]{line}<END>\\n"\n'
        for file, written in ((STD_LOG, f"{now:%H:%M:%S} {line}\n"), (HYPERDRIVE_LOG, azures)):
            append_row(change.connection, _log(change.connection, row.key, file), written.encode())
        change.wake(logs_changed(row.key))


def _log(connection: sa.Connection, run_key: int, file: str) -> Any:
    chosen = sa.select(logs).where(logs.c.run_key == run_key, logs.c.file == file)
    found = connection.execute(chosen).one_or_none()
    if found is None:
        new = {"run_key": run_key, "file": file, "size": 0, "complete": False, "to_archive": False}
        connection.execute(logs.insert().values(new))
        found = connection.execute(chosen).one()
    return found
