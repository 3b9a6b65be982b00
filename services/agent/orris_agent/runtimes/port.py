"""What executes runs: each adapter keeps them apart from the machine in its own way."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from orris import errors
from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent.exits import Exit
from orris_agent.folder import RunFolder


class StartError(RuntimeError):
    """A run could not be started, through no fault of its own; the message says why."""


class NotNowError(errors.Unavailable):
    """What a runtime needs does not answer now; the message says what the run waits for. Try again."""


class ImageGoneError(RuntimeError):
    """The image was made ready, and is not there any more; the message says which. Make it ready again."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: `exit`, or, where nobody recorded it, in `lost` what is known, for people.

    `out_of_memory`: what to tell a user whose run was ended because its memory was used up; else empty.
    """

    exit: Exit | None
    lost: str = ""
    out_of_memory: str = ""


class Runtime(Protocol):
    """Executes runs, each in its folder, which is all that is needed to go on with one under another agent process.

    Calls raise NotNowError where what it needs does not answer: the caller tries again.
    """

    preparing: str
    """What a run waits for while its image is made runnable, for people."""

    async def is_ready(self, lease: agents.Lease) -> bool:
        """Tell whether the lease's image is runnable here already. Raises FailedPrecondition when it never will be."""

    async def make_ready(self, lease: agents.Lease, log: Callable[[str], None]) -> None:
        """Make the lease's image runnable. Raises FailedPrecondition."""

    def has_started(self, folder: RunFolder) -> bool:
        """Tell whether the run has been started, by whichever agent process."""

    async def start(self, lease: agents.Lease, folder: RunFolder) -> str:
        """Start the run; one that was started before goes on. Return what its user should know about that, or nothing.

        Raises ImageGoneError, StartError, FailedPrecondition.
        """

    async def published(self, lease: agents.Lease, folder: RunFolder) -> str | None:
        """Return where a replica is found by others; None where that is what it says itself."""

    async def wait(self, folder: RunFolder) -> Ending:
        """Return when the run has ended, and nothing of it is left running."""

    def cancel(self, folder: RunFolder) -> None:
        """Have the run end itself: SIGTERM, then SIGKILL."""

    def extend(self, folder: RunFolder, deadline: float) -> None:
        """Let the run go on until `deadline`, in seconds of CLOCK_BOOTTIME."""

    async def end(self, folder: RunFolder) -> None:
        """End the run, if it still goes on, and leave nothing of it but its folder."""

    async def end_others(self, held: Collection[str]) -> None:
        """End what an earlier agent process started for leases that are not `held`, also where the folder is gone."""

    async def tidy(self) -> None:
        """Remove what was brought to this machine and is not needed any more. Called now and then."""
