"""How a run's time went: its stages, derived from the moments that its row knows."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from orris_runs.model import WITHOUT_AGENT, Run


class StageKind(IntEnum):
    """What happens in a stage; the numbers are the contract's."""

    PREPARING = 1
    SCALING = 2
    RUNNING = 3
    POST_PROCESSING = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a run's life. One that lasts has no end."""

    kind: StageKind
    start_time: datetime
    end_time: datetime | None


def stages_of(run: Run) -> list[Stage]:
    """Return the stages that the last attempt has gone through, in order; none of a run that nobody executed."""
    if run.kind in WITHOUT_AGENT or run.reused_run:
        return []
    finalizing = run.finalizing_time or (run.end_time if run.final and run.leased_time else None)
    begins = (
        (StageKind.PREPARING, run.create_time if run.build else None),
        (StageKind.SCALING, run.queued_time),
        (StageKind.RUNNING, run.leased_time),
        (StageKind.POST_PROCESSING, finalizing),
    )
    begun = [(kind, time) for kind, time in begins if time is not None]
    # Runs of before these moments were kept have the program's end alone, or none at all.
    over = run.final_time or (run.end_time if run.final else None)
    ends = [*(time for _, time in begun[1:]), over]
    return [Stage(kind, start, end) for (kind, start), end in zip(begun, ends, strict=False)]
