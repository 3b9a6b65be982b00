"""From a spec to a lock: choose the Python, then resolve on it."""

import threading

from orris_images.interpreters import Found, Interpreters
from orris_images.lock import Lock
from orris_images.resolve.port import Resolver
from orris_images.spec import Spec
from orris_kit.process import Log


def lock_spec(
    spec: Spec, interpreters: Interpreters, resolver: Resolver, log: Log, cancel: threading.Event | None = None
) -> tuple[Lock, Found]:
    """Return the lock of `spec` and the Python it is for. A user-managed interpreter is `lock_user_managed`'s.

    Raises FailedPrecondition when there is no Python for it or no solution, Unavailable when an index did not answer.
    """
    found = _python(spec, interpreters)
    log(f"Python {found.version} at {found.path}: {_why(spec, found)}")
    return resolver.resolve(spec, found, log, cancel), found


def _python(spec: Spec, interpreters: Interpreters) -> Found:
    """An overlay stays on the Python of its base: its packages were chosen for that minor."""
    if spec.base is None:
        return interpreters.find(spec.python, spec.strict)
    return interpreters.find(spec.base.python, strict=True)


def _why(spec: Spec, found: Found) -> str:
    if spec.base is not None:
        return "that of the image which is added to"
    if found.requested is None:
        return "the one Orris runs with, as no other was asked for"
    if found.substituted:
        return f"the nearest to {found.requested}"
    return f"{found.requested} was asked for"


def lock_user_managed(interpreter: str) -> Lock:
    """Return the lock of an interpreter that its user looks after: its path, and nothing to install.

    It is not run here, nor looked for: it may be on another machine, and running it would run its user's code.
    """
    return Lock(
        python_version="", requested_python=None, platform="", requirements="", packages=(), interpreter=interpreter
    )
