"""From a spec to a lock: choose the Python, then resolve on it."""

import threading
from dataclasses import replace
from pathlib import Path

from orris_images.container import Dockerfile
from orris_images.interpreters import Found, Pythons
from orris_images.lock import Lock
from orris_images.resolve.port import Resolver
from orris_images.spec import Spec
from orris_kit.process import Log


def lock_spec(
    spec: Spec, pythons: Pythons, resolver: Resolver, log: Log, cancel: threading.Event | None = None
) -> tuple[Lock, Found]:
    """Return the lock of `spec` and the Python it is for. A machine's interpreter is `lock_user_managed`'s.

    Raises FailedPrecondition when there is no Python for it or no solution, Unavailable when an index did not answer.
    """
    if spec.dockerfile is not None:
        return _lock_dockerfile(spec.dockerfile, spec.digest)
    found = _python(spec, pythons, resolver)
    if not resolver.brings_python(spec):
        log(f"Python {found.version} at {found.path}: {_why(spec, found)}")
    if spec.interpreter is None:
        lock = resolver.resolve(spec, found, log, cancel)
    else:
        lock = replace(lock_user_managed(spec.interpreter), python_version=found.version, platform=found.platform)
    if spec.base_image is not None and found.base_image is None:
        log(unused_base_image(spec.base_image))
        lock = replace(lock, warnings=(*lock.warnings, unused_base_image(spec.base_image)))
    return replace(lock, base_image=found.base_image, specification=spec.digest), found


def _python(spec: Spec, pythons: Pythons, resolver: Resolver) -> Found:
    """An overlay stays on the Python of its base: its packages were chosen for that minor."""
    if resolver.brings_python(spec):
        return pythons.find(None, base_image=spec.base_image)  # for its platform
    if spec.base is None:
        return pythons.find(spec.python, spec.strict, base_image=spec.base_image, interpreter=spec.interpreter)
    return pythons.find(spec.base.python, strict=True, base_image=spec.base_image)


def _why(spec: Spec, found: Found) -> str:
    if spec.base is not None:
        return "that of the image which is added to"
    if spec.interpreter is not None:
        return "it is looked after by its user"
    if found.requested is None and found.uv_platform is not None:
        return "that of the base image"
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


def unused_base_image(image: str) -> str:
    """Return the warning that a base image is not used."""
    return f"the base image {image} is not used: this instance makes no container images"


def _lock_dockerfile(dockerfile: Dockerfile, specification: str) -> tuple[Lock, Found]:
    """Return the lock of an image of which nothing is known before it is made."""
    lock = replace(
        lock_user_managed(dockerfile.interpreter),
        dockerfile=dockerfile.text,
        context=dockerfile.context or None,
        specification=specification,
    )
    return lock, Found(Path(dockerfile.interpreter), "", "")
