"""Choose the Python for what a spec asks."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.version import Version

from orris.errors import FailedPrecondition
from orris_images.python_request import PythonRequest
from orris_kit.interpreter import Interpreter, inspect_interpreter
from orris_kit.interpreters import NOT_FOUND, advice, discover_interpreters

OLDEST = Version("3.6")
REFRESH_SECONDS = 10.0


@dataclass(frozen=True)
class Found:
    """The Python chosen: `exact` when it is what was asked for, else `note` (other patch) or `warning` (other minor).

    `path` is where it is: on this machine, or in a container image for `uv_platform`. `base_image` is that image with
    its digest where the spec named it.
    """

    path: Path
    version: str
    platform: str
    exact: bool = True
    note: str | None = None
    warning: str | None = None
    requested: str | None = None
    uv_platform: str | None = None
    base_image: str | None = None

    @property
    def uv_arguments(self) -> tuple[str, ...]:
        """Arguments for uv that say what versions are chosen for."""
        if self.uv_platform is None:
            return "--python", str(self.path)
        return "--python-version", self.version, "--python-platform", self.uv_platform

    @property
    def substituted(self) -> bool:
        """Tell whether another minor version stands in for the one asked for."""
        return self.warning is not None


class Pythons(Protocol):
    """The Pythons that images can be made with."""

    def find(
        self,
        requested: str | None,
        strict: bool = False,
        *,
        base_image: str | None = None,
        interpreter: str | None = None,
    ) -> Found:
        """Return the Python for `requested`, None for any.

        Where container images are made it is that of `base_image`, there perhaps at a path, `interpreter`.

        Raises FailedPrecondition (INTERPRETER_NOT_FOUND) when there is none, or `strict` and only another minor.
        """
        ...


class Interpreters:
    """The Pythons of a machine, looked for once and again when one is missing. `own` is the Python Orris runs with."""

    def __init__(
        self,
        environ: Mapping[str, str],
        own: Path,
        *,
        discover: Callable[[Mapping[str, str], Path], list[Interpreter]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._environ, self._own, self._clock = environ, own, clock
        self._discover = discover or discover_interpreters
        self._lock = threading.Lock()
        self._known: list[Interpreter] = []
        self._own_answer: Interpreter | None = None
        self._looked: float | None = None

    def find(
        self,
        requested: str | None,
        strict: bool = False,
        *,
        base_image: str | None = None,
        interpreter: str | None = None,
    ) -> Found:
        """Return the Python for `requested` (None: Orris's own); a base image has no say here.

        The exact patch, else the newest patch of the minor, else the nearest minor above, else below.

        Raises FailedPrecondition (INTERPRETER_NOT_FOUND) when there is none, or `strict` and only another minor.
        """
        if requested is None:
            own = self._asked_own()
            return Found(own.base, own.version, own.platform)
        request = PythonRequest.parse(requested)
        if not any(request.matches(Version(one.version)) for one in self.all()):
            self._look(again=True)
        found = choose(request, self.all())
        if found is None or (strict and found.substituted):
            raise FailedPrecondition(_missing(request, self.all()), reason=NOT_FOUND)
        return found

    def _asked_own(self) -> Interpreter:
        """Ask Orris's own Python alone: who asks for no other should not wait for a look at the whole machine."""
        if self._own_answer is None:
            self._own_answer = inspect_interpreter(self._own, environ=self._environ, packages=False)
        return self._own_answer

    def all(self) -> list[Interpreter]:
        """Return the Pythons known, Orris's own first."""
        if not self._known:
            self._look(again=False)
        return self._known

    def _look(self, again: bool) -> None:
        with self._lock:
            now = self._clock()
            fresh = self._looked is not None and now - self._looked < REFRESH_SECONDS
            if self._known and (fresh or not again):
                return
            self._known = self._discover(self._environ, self._own)
            self._looked = now


def choose(request: PythonRequest, known: Iterable[Interpreter]) -> Found | None:
    """Choose for `request` among `known`; of two alike the first. Older than 3.6 is never chosen."""
    usable = [(Version(one.version), one) for one in known if Version(one.version) >= OLDEST and one.final]
    fit = [pair for pair in usable if request.matches(pair[0])]
    if request.versions is not None and fit:
        return _found(request, fit[0])  # own first, then the newest in range
    if near := fit or [pair for pair in usable if request.same_minor(pair[0])]:
        return _found(request, max(near, key=lambda pair: pair[0].release))
    above = [pair for pair in usable if pair[0].release[:2] > request.minor]
    if above:
        lowest = min(pair[0].release[:2] for pair in above)
        return _found(request, max((p for p in above if p[0].release[:2] == lowest), key=lambda p: p[0].release))
    return _found(request, max(usable, key=lambda pair: pair[0].release)) if usable else None


def _found(request: PythonRequest, pair: tuple[Version, Interpreter]) -> Found:
    version, one = pair
    note = warning = None
    if not request.same_minor(version):
        warning = (
            f"WARNING: Python {request.text} was asked for and is not on this machine: Python {version} IS USED. "
            f"{_advice(request)} to have it, or set strict to make this an error."
        )
    elif not request.matches(version):
        note = f"Python {version} is used for {request.text}: another patch release of the same version"
    return Found(one.base, one.version, one.platform, request.matches(version), note, warning, request.text)


def _advice(request: PythonRequest) -> str:
    return advice(".".join(map(str, request.minor)))


def _missing(request: PythonRequest, known: Iterable[Interpreter]) -> str:
    there = ", ".join(one.version for one in known) or "none"
    return f"Python {request.text} is not on this machine. {_advice(request)} and try again. Found: {there}"
