"""The rules of runs, gathered: one object per subject, over one store."""

from dataclasses import dataclass

from orris_runs.agents import Agents
from orris_runs.archive import Archive
from orris_runs.bounds import Bounds
from orris_runs.cancellation import Cancellation
from orris_runs.children import Children
from orris_runs.deadlines import Deadlines
from orris_runs.deletion import Deletion
from orris_runs.events import Events
from orris_runs.experiments import Experiments
from orris_runs.identical import Identical
from orris_runs.interactive import Interactive, SessionTimes
from orris_runs.labels import Labels
from orris_runs.leases import Leases
from orris_runs.logs import Logs, LogSizes
from orris_runs.loose import Loose
from orris_runs.moves import Moves
from orris_runs.pools.checks import EngineOptions
from orris_runs.pools.keeping import Keeping
from orris_runs.pools.pools import Pools
from orris_runs.pools.withdrawal import Withdrawal
from orris_runs.preparation import Preparation
from orris_runs.queue import Queue
from orris_runs.reading import Reading
from orris_runs.reporting import Reporting
from orris_runs.retries import Retries
from orris_runs.store import Store
from orris_runs.submission import Submission
from orris_runs.summaries import Summaries
from orris_runs.sweeps.beginning import Beginning
from orris_runs.sweeps.progress import Progress
from orris_runs.sweeps.recording import Recording
from orris_runs.sweeps.sweeps import Sweeps
from orris_runs.sweeps.trials import SettledTrials
from orris_runs.usage import Usage
from orris_runs.workspaces import Workspaces


@dataclass(frozen=True, slots=True)
class Core:
    """What can be done with runs."""

    store: Store
    bounds: Bounds
    workspaces: Workspaces
    experiments: Experiments
    submission: Submission
    reading: Reading
    children: Children
    cancellation: Cancellation
    labels: Labels
    queue: Queue
    agents: Agents
    deadlines: Deadlines
    leases: Leases
    retries: Retries
    logs: Logs
    events: Events
    usage: Usage
    reporting: Reporting
    summaries: Summaries
    interactive: Interactive
    deletion: Deletion
    preparation: Preparation
    archive: Archive
    loose: Loose
    identical: Identical
    pools: Pools
    keeping: Keeping
    withdrawal: Withdrawal
    sweeps: Sweeps
    sweep_recording: Recording
    sweep_beginning: Beginning
    sweep_progress: Progress

    def start(self) -> None:
        """Make what everybody has from the start, give up what was interrupted, take up the leases held before."""
        self.workspaces.ensure_default()
        self.loose.give_up_interrupted()
        self.bounds.take_up()
        self.pools.take_up()
        self.leases.take_up()
        self.interactive.take_up()

    def stop_all(self, reason: str) -> int:
        """Ask for every run to be canceled; return how many are still with agents, which end them now."""
        return self.cancellation.stop_all(reason)


def make_core(
    store: Store,
    *,
    lease_duration: float = 30,
    lease_margin: float = 10,
    log_sizes: LogSizes | None = None,
    session_times: SessionTimes | None = None,
    engines: EngineOptions | None = None,
) -> Core:
    """Put the rules together.

    A lease holds for `lease_duration` seconds unless it is renewed; what its agent ran is taken for ended
    `lease_margin` seconds later. Pools may have one of the `engines`.
    """
    agents = Agents(store, patience=lease_duration / 2)
    deadlines = Deadlines(store.clock, lease_duration, lease_margin)
    bounds = Bounds(store)
    queue = Queue(store, agents, deadlines, bounds)
    moves = Moves(store, queue, deadlines)
    retries = Retries(store, moves)
    workspaces = Workspaces(store)
    experiments = Experiments(store, workspaces, queue)
    reading = Reading(store, workspaces, experiments, queue)
    pools = Pools(store, agents, engines or {})
    submission, events = Submission(store, experiments, queue, pools), Events(store, reading, moves)
    leases = Leases(store, agents, deadlines, queue, moves, retries)
    log_sizes = log_sizes or LogSizes()
    logs, usage = Logs(store, reading, log_sizes), Usage(store, reading)
    settled = SettledTrials()
    interactive = Interactive(
        store, reading, experiments, submission, events, leases, moves, deadlines, session_times or SessionTimes()
    )
    return Core(
        store=store,
        bounds=bounds,
        workspaces=workspaces,
        experiments=experiments,
        submission=submission,
        reading=reading,
        children=Children(store, reading),
        cancellation=Cancellation(store, reading, moves),
        labels=Labels(store, reading),
        queue=queue,
        agents=agents,
        deadlines=deadlines,
        leases=leases,
        retries=retries,
        logs=logs,
        events=events,
        usage=usage,
        reporting=Reporting(store, leases, logs, events, usage),
        summaries=Summaries(store, reading),
        interactive=interactive,
        deletion=Deletion(store, reading),
        preparation=Preparation(store, moves),
        archive=Archive(store, log_sizes.segment),
        loose=Loose(store),
        identical=Identical(store),
        pools=pools,
        keeping=Keeping(store, agents, bounds, moves),
        withdrawal=Withdrawal(store, agents),
        sweeps=Sweeps(store, reading),
        sweep_recording=Recording(store, reading, experiments, submission),
        sweep_beginning=Beginning(store, submission, settled),
        sweep_progress=Progress(store, moves, settled),
    )
