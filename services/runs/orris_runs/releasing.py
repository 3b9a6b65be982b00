"""What ended or interrupted runs keep at the artifacts is brought down to what they need."""

from orris.errors import NotFound, OrrisError
from orris.names import RunName
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger
from orris_runs.core import Core
from orris_runs.references import References
from orris_runs.store import RELEASES_CHANGED

log = get_logger(__name__)
RETRY_SECONDS = 1.0


class Releaser:
    """Puts loose references right."""

    def __init__(self, core: Core, references: References, retry_seconds: float = RETRY_SECONDS) -> None:
        self._core = core
        self._references = references
        self._retry_seconds = retry_seconds

    async def run(self) -> None:
        """Go on until canceled."""
        async with self._core.store.changes.watch(RELEASES_CHANGED) as waiter:
            while True:
                all_right = await self._put_all_right()
                await waiter.wait(timeout=None if all_right else self._retry_seconds)

    async def _put_all_right(self) -> bool:
        """Put right what can be; return whether that was all. One that cannot does not hold up the others."""
        return all([await self._put_right(run) for run in await run_blocking(self._core.loose.due)])

    async def _put_right(self, run: RunName) -> bool:
        """Return whether this run's reference needs no further look."""
        try:
            await self._references.put_right(run)
        except NotFound as error:
            log.error("a run needs what is not stored any more", run=str(run), why=error.message)
            await run_blocking(self._core.loose.settle, run)
        except OrrisError as error:
            log.warning("what a run does not need cannot be released now", run=str(run), code=error.code)
            return False
        return True
