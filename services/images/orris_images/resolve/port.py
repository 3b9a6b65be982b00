"""What the service asks of a resolver."""

import threading
from typing import Protocol

from orris_images.interpreters import Found
from orris_images.lock import Lock
from orris_images.spec import Spec
from orris_kit.process import Log


class Resolver(Protocol):
    """Finds versions that satisfy a spec together."""

    def brings_python(self, spec: Spec) -> bool:
        """Tell whether the lock of `spec` will have a Python of its own, whatever others there are."""
        ...

    def resolve(self, spec: Spec, interpreter: Found, log: Log, cancel: threading.Event | None = None) -> Lock:
        """Return the lock of `spec` on `interpreter` (None: on its own); what is decided on the way goes to `log`.

        Raises FailedPrecondition with the resolver's reason when there is no solution, Unavailable when an index did
        not answer, DeadlineExceeded when it took too long, Cancelled when `cancel` was set.
        """
        ...
