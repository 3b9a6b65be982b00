"""The ways in which `uv pip compile` is asked, one after the other, until one has an answer."""

import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from orris_images.interpreters import Found
from orris_images.spec import Spec
from orris_kit import uv
from orris_kit.process import Finished, Log

_PUBLISHED = re.compile(r"requested version, \S+, was published at (\d{4}-\d\d-\d\d)T")


@dataclass(frozen=True)
class Attempt:
    """One way to ask uv: as of a date or today, wheels only or also building from source."""

    as_of: str | None = None
    source_builds: bool = False

    def arguments(self) -> list[str]:
        """Return the arguments for uv."""
        dated = [] if self.as_of is None else ["--exclude-newer", self.as_of]
        return dated if self.source_builds else [*dated, "--no-build"]

    def __str__(self) -> str:
        how = "building from source where there is no wheel" if self.source_builds else "wheels only"
        return how if self.as_of is None else f"{how}, released by {self.as_of}"


def attempts(start: str | None, builds: bool, failures: Sequence[Finished]) -> Iterator[Attempt]:
    """Yield the era, then the day of the newest version the spec pins, then today.

    A pin is honoured even when it is newer than the era; what is not pinned is then taken from the day of the pin.
    """
    day, tried = start, set[str]()
    while day is not None and day not in tried and len(tried) < 8:
        tried.add(day)
        yield Attempt(day, builds)
        day = max([day, *_published(failures[-1])])
    yield Attempt(None, builds)


def _published(finished: Finished) -> list[str]:
    """Return the days after those on which the pins were published that uv passed over for their date.

    Not the days themselves: the wheels of one release are uploaded one after the other.
    """
    days = [date.fromisoformat(found[1]) for line in finished.errors for found in _PUBLISHED.finditer(line)]
    return [str(day + timedelta(days=1)) for day in days]


class Compiling:
    """Runs of `uv pip compile` for one spec; `options` are further arguments."""

    def __init__(
        self, environ: Mapping[str, str], timeout: float, spec: Spec, interpreter: Found, log: Log,
        cancel: threading.Event | None, options: Sequence[str],
    ) -> None:  # fmt: skip
        self.environ, self.timeout, self.spec, self.options = environ, timeout, spec, options
        self.interpreter, self.log, self.cancel = interpreter, log, cancel

    def compile(self, wanted: Sequence[str], attempt: Attempt) -> Finished:
        """Let uv pin and hash `wanted`, and all that it needs."""
        self.log(f"resolving {len(wanted)} requirements for Python {self.interpreter.version}: {attempt}")
        with tempfile.TemporaryDirectory(prefix="orris-resolve-") as folder:
            asked = Path(folder) / "requirements.in"
            asked.write_text("\n".join(wanted) + "\n", encoding="utf-8")
            command = ["pip", "compile", str(asked), "--generate-hashes", "--no-header", "--no-annotate"]
            command += ["--no-sources", *self.options]
            command += [*self.interpreter.uv_arguments, "--no-python-downloads", *attempt.arguments()]
            command += uv.index_arguments(self.spec.index_url, self.spec.extra_index_urls)
            log = self.log if attempt.source_builds else None
            return uv.run(
                command, environ=self.environ, cwd=Path(folder), timeout=self.timeout, log=log, cancel=self.cancel
            )
