"""Resolve with `uv pip compile`."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orris.errors import FailedPrecondition, Unavailable
from orris_images.interpreters import Found
from orris_images.lock import Lock, pins
from orris_images.packages import to_install
from orris_images.resolve.compiling import Attempt, Compiling, attempts
from orris_images.resolve.eras import era
from orris_images.spec import Spec
from orris_kit import uv
from orris_kit.disk_full import disk_full, says_disk_full
from orris_kit.process import Finished, Log


@dataclass(frozen=True)
class Pinned:
    """Hashed requirements as uv writes them, whether some of them are built from source, and what should be known."""

    text: str = ""
    source_builds: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[tuple[str, str], ...]:
        """Names and versions, sorted."""
        found = (Requirement(pin) for pin in pins(self.text))
        return tuple(sorted((canonicalize_name(pin.name), next(iter(pin.specifier)).version) for pin in found))


class UvResolver:
    """The resolver of uv. Building a source distribution runs its code, so that must be allowed."""

    def __init__(self, environ: Mapping[str, str], *, allow_source_builds: bool = False, timeout: float = 600) -> None:
        self._environ, self._timeout = environ, timeout
        self._allow_source_builds = allow_source_builds

    def brings_python(self, spec: Spec) -> bool:
        """Implement Resolver.brings_python: PyPI has no Pythons."""
        return False

    def resolve(self, spec: Spec, interpreter: Found, log: Log, cancel: threading.Event | None = None) -> Lock:
        """Implement Resolver.resolve."""
        wanted, notes = to_install(spec)
        wanted = (*(spec.base.packages if spec.base else ()), *wanted)
        warnings = [text for text in (interpreter.warning,) if text]
        for line in (*warnings, *((interpreter.note,) if interpreter.note else ()), *notes):
            log(line)
        pinned = self.pin(wanted, spec, interpreter, log, cancel)
        return Lock(
            python_version=interpreter.version,
            requested_python=spec.python,
            platform=interpreter.platform,
            requirements=pinned.text,
            packages=pinned.packages,
            warnings=(*warnings, *pinned.warnings),
            index_url=spec.index_url,
            extra_index_urls=spec.extra_index_urls,
            source_builds=pinned.source_builds,
        )

    def pin(
        self,
        wanted: Sequence[str],
        spec: Spec,
        interpreter: Found,
        log: Log,
        cancel: threading.Event | None,
        options: Sequence[str] = (),
    ) -> Pinned:
        """Pin `wanted` and all that it needs, with further `options` for uv. Raises what `resolve` raises."""
        if not wanted:
            return Pinned()
        compiling = Compiling(self._environ, self._timeout, spec, interpreter, log, cancel, options)
        start = era(interpreter.version) if interpreter.substituted and spec.base is None else None
        attempt, text = self._first_answer(compiling, wanted, start)
        warnings = () if start is None else (_on_dates(attempt, start),)
        for line in warnings:
            log(line)
        return Pinned(text, attempt.source_builds, warnings)

    def _first_answer(self, compiling: Compiling, wanted: Sequence[str], start: str | None) -> tuple[Attempt, str]:
        """Try the dates with wheels only, then, if allowed, with builds; the last failure is the one reported."""
        failures: list[Finished] = []
        for builds in (False, True) if self._allow_source_builds else (False,):
            for attempt in attempts(start, builds, failures):
                finished = compiling.compile(wanted, attempt)
                if finished.exit_code == 0:
                    return attempt, finished.output
                if any(map(says_disk_full, finished.errors)):
                    raise disk_full(uv.reason(finished))
                if uv.unreachable(finished):
                    raise Unavailable(f"no lock: the package index did not answer: {uv.reason(finished)}")
                failures.append(finished)
        raise FailedPrecondition(_why(failures, compiling, self._allow_source_builds))


def _on_dates(attempt: Attempt, start: str) -> str:
    if attempt.as_of is None:
        return (
            f"WARNING: nothing released before {start} fits, so unpinned packages are TODAY'S VERSIONS on this Python"
        )
    when = "this Python's first months" if attempt.as_of == start else "the day of the newest pin"
    return f"packages without a pin are those of {when}: released by {attempt.as_of}"


def _why(failures: Sequence[Finished], compiling: Compiling, builds: bool) -> str:
    advice = "" if builds else " (source distributions are not built unless the service allows it)"
    python = compiling.interpreter.version
    return f"no versions satisfy this environment on Python {python}{advice}: {uv.reason(failures[-1])}"
