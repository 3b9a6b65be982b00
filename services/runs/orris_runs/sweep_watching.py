"""The stream of a sweep: how it stands, and which trials have changed. Watchers are notified; nothing is polled."""

from collections.abc import AsyncIterator

from orris.names import RunName
from orris_kit.blocking import run_blocking
from orris_runs.core import Core
from orris_runs.store import children_changed, run_ended
from orris_runs.sweeps.sweeps import Sweep
from orris_runs.sweeps.trials import Trial

# Trials may log a thousand values a second between them, and each look reads all of them: no more often than this, but
# for the end.
PAUSE_SECONDS = 0.2


async def watch_sweep(core: Core, name: RunName) -> AsyncIterator[tuple[Sweep, list[Trial], bool]]:
    """Give a sweep, the trials that have changed since the last time, and whether it is over, until it is."""
    seen: dict[int, Trial] = {}
    last: Sweep | None = None
    watch = core.store.changes.watch
    async with watch(children_changed(str(name))) as waiter, watch(run_ended(name.workspace, name.run)) as ended:
        while True:
            sweep = await run_blocking(core.sweeps.get, name.workspace, name.run)
            changed = [trial for trial in sweep.trials if seen.get(trial.number) != trial]
            if last is None or changed or sweep.run != last.run or sweep.over:
                yield sweep, changed, sweep.over
            if sweep.over:
                return
            last = sweep
            seen.update((trial.number, trial) for trial in changed)
            await waiter.wait()
            await ended.wait(timeout=PAUSE_SECONDS)
