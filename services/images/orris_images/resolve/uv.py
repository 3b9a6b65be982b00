"""Resolve with `uv pip compile`."""

import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orris.errors import FailedPrecondition, Unavailable
from orris_images.interpreters import Found
from orris_images.lock import Lock, index_arguments
from orris_images.packages import to_install
from orris_images.resolve.eras import era
from orris_images.spec import Spec
from orris_kit import uv
from orris_kit.process import Finished, Log

_PUBLISHED = re.compile(r"requested version, \S+, was published at (\d{4}-\d\d-\d\d)T")
_PIN = re.compile(r"^[A-Za-z0-9][^\s;\\]*==[^\s;\\]+", re.MULTILINE)


@dataclass(frozen=True)
class _Attempt:
    """One way to ask uv: as of a date or today, wheels only or also building from source."""

    as_of: str | None = None
    source_builds: bool = False

    def arguments(self) -> list[str]:
        dated = [] if self.as_of is None else ["--exclude-newer", self.as_of]
        return dated if self.source_builds else [*dated, "--no-build"]

    def __str__(self) -> str:
        how = "building from source where there is no wheel" if self.source_builds else "wheels only"
        return how if self.as_of is None else f"{how}, released by {self.as_of}"


class UvResolver:
    """The resolver of uv. Building a source distribution runs its code, so that must be allowed."""

    def __init__(self, environ: Mapping[str, str], *, allow_source_builds: bool = False, timeout: float = 600) -> None:
        self._environ, self._timeout = environ, timeout
        self._allow_source_builds = allow_source_builds

    def resolve(self, spec: Spec, interpreter: Found, log: Log, cancel: threading.Event | None = None) -> Lock:
        """Implement Resolver.resolve."""
        wanted, notes = to_install(spec)
        wanted = (*(spec.base.packages if spec.base else ()), *wanted)
        warnings = [text for text in (interpreter.warning,) if text]
        for line in (*warnings, *((interpreter.note,) if interpreter.note else ()), *notes):
            log(line)
        if not wanted:
            return _lock(spec, interpreter, "", warnings, False)
        compiling = _Compiling(self._environ, self._timeout, spec, interpreter, log, cancel)
        start = era(interpreter.version) if interpreter.substituted and spec.base is None else None
        attempt, requirements = self._first_answer(compiling, wanted, start)
        if start is not None:
            warnings.append(_on_dates(attempt, start))
            log(warnings[-1])
        return _lock(spec, interpreter, requirements, warnings, attempt.source_builds)

    def _first_answer(self, compiling: "_Compiling", wanted: Sequence[str], start: str | None) -> tuple[_Attempt, str]:
        """Try the dates with wheels only, then, if allowed, with builds; the last failure is the one reported."""
        failures: list[Finished] = []
        for builds in (False, True) if self._allow_source_builds else (False,):
            for attempt in _dates(start, builds, failures):
                finished = compiling.compile(wanted, attempt)
                if finished.exit_code == 0:
                    return attempt, finished.output
                if uv.unreachable(finished):
                    raise Unavailable(f"no lock: the package index did not answer: {uv.reason(finished)}")
                failures.append(finished)
        raise FailedPrecondition(_why(failures, compiling, self._allow_source_builds))


def _dates(start: str | None, builds: bool, failures: Sequence[Finished]) -> Iterator[_Attempt]:
    """Yield the era, then the day of the newest version the spec pins, then today.

    A pin is honoured even when it is newer than the era; what is not pinned is then taken from the day of the pin.
    """
    day, tried = start, set[str]()
    while day is not None and day not in tried and len(tried) < 8:
        tried.add(day)
        yield _Attempt(day, builds)
        day = max([day, *_published(failures[-1])])
    yield _Attempt(None, builds)


def _published(finished: Finished) -> list[str]:
    """Return the days after those on which the pins were published that uv passed over for their date.

    Not the days themselves: the wheels of one release are uploaded one after the other.
    """
    days = [date.fromisoformat(found[1]) for line in finished.errors for found in _PUBLISHED.finditer(line)]
    return [str(day + timedelta(days=1)) for day in days]


def _on_dates(attempt: _Attempt, start: str) -> str:
    if attempt.as_of is None:
        return (
            f"WARNING: nothing released before {start} fits, so unpinned packages are TODAY'S VERSIONS on this Python"
        )
    when = "this Python's first months" if attempt.as_of == start else "the day of the newest pin"
    return f"packages without a pin are those of {when}: released by {attempt.as_of}"


def _why(failures: Sequence[Finished], compiling: "_Compiling", builds: bool) -> str:
    advice = "" if builds else " (source distributions are not built unless the service allows it)"
    python = compiling.interpreter.version
    return f"no versions satisfy this environment on Python {python}{advice}: {uv.reason(failures[-1])}"


class _Compiling:
    """Runs of `uv pip compile` for one spec."""

    def __init__(
        self, environ: Mapping[str, str], timeout: float, spec: Spec, interpreter: Found, log: Log,
        cancel: threading.Event | None,
    ) -> None:  # fmt: skip
        self.environ, self.timeout, self.spec = environ, timeout, spec
        self.interpreter, self.log, self.cancel = interpreter, log, cancel

    def compile(self, wanted: Sequence[str], attempt: _Attempt) -> Finished:
        self.log(f"resolving {len(wanted)} requirements for Python {self.interpreter.version}: {attempt}")
        with tempfile.TemporaryDirectory(prefix="orris-resolve-") as folder:
            asked = Path(folder) / "requirements.in"
            asked.write_text("\n".join(wanted) + "\n", encoding="utf-8")
            command = [
                "pip",
                "compile",
                str(asked),
                "--generate-hashes",
                "--no-header",
                "--no-annotate",
                "--no-sources",
            ]
            command += ["--python", str(self.interpreter.path), "--no-python-downloads", *attempt.arguments()]
            command += index_arguments(self.spec.index_url, self.spec.extra_index_urls)
            log = self.log if attempt.source_builds else None
            return uv.run(
                command, environ=self.environ, cwd=Path(folder), timeout=self.timeout, log=log, cancel=self.cancel
            )


def _lock(spec: Spec, interpreter: Found, text: str, warnings: Sequence[str], source_builds: bool) -> Lock:
    pins = (Requirement(pin) for pin in _PIN.findall(text))
    return Lock(
        python_version=interpreter.version,
        requested_python=spec.python,
        platform=interpreter.platform,
        requirements=text,
        packages=tuple(sorted((canonicalize_name(pin.name), next(iter(pin.specifier)).version) for pin in pins)),
        warnings=tuple(warnings),
        index_url=spec.index_url,
        extra_index_urls=spec.extra_index_urls,
        source_builds=source_builds,
    )
