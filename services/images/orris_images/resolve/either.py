"""Resolve with conda where conda channels are to bring what a spec asks for, else with uv."""

import threading

from orris_images.interpreters import Found
from orris_images.lock import Lock
from orris_images.resolve.conda import CondaResolver
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Spec
from orris_kit.process import Log


class EitherResolver:
    """Both resolvers as one."""

    def __init__(self, uv: UvResolver, conda: CondaResolver) -> None:
        self._uv, self._conda = uv, conda

    def brings_python(self, spec: Spec) -> bool:
        """Implement Resolver.brings_python."""
        return self._conda.brings_python(spec)

    def resolve(self, spec: Spec, interpreter: Found, log: Log, cancel: threading.Event | None = None) -> Lock:
        """Implement Resolver.resolve."""
        resolver = self._conda if self.brings_python(spec) else self._uv
        return resolver.resolve(spec, interpreter, log, cancel)
