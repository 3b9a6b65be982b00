"""Calls of rattler, which resolves and installs conda packages, each in a process of its own.

A process can be killed with all its threads, and bounded in what it takes. It is also the only protection: what rattler
does not expect of a channel, it answers by aborting.
"""

import importlib.util
import json
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orris.errors import FailedPrecondition, Internal, OrrisError, Unavailable
from orris_kit import process, uv
from orris_kit.caches import cache_folder
from orris_kit.conda_channels import CondaChannels
from orris_kit.disk_full import disk_full, says_disk_full
from orris_kit.process import Finished, Log

_PASSED = re.compile(r"CONDA_OVERRIDE_[A-Z]+")
_REFUSED = re.compile(r"\((?:401|403) ")
_UNREACHABLE = re.compile(
    r"error sending request|connect error|dns error|timed out|Connection (?:refused|reset)|connection closed"
    r"|error decoding response body|Request failed after|\((?:429|50\d) |HTTP status server error",
    re.IGNORECASE,
)
_REASON_LIMIT = 2000


def check_installed() -> None:
    """Raise FailedPrecondition where rattler is not installed: it comes with an extra."""
    if importlib.util.find_spec("rattler") is None:
        message = "conda channels need py-rattler, which is not installed: pip install 'orris-kit[conda]'"
        raise FailedPrecondition(message, reason="RATTLER_NOT_INSTALLED")


def cache(environ: Mapping[str, str]) -> Path:
    """Return the folder of what is fetched from channels: indexes, archives, and packages as rattler unpacks them."""
    named = environ.get("RATTLER_CACHE_DIR", "")
    return Path(named) if os.path.isabs(named) else cache_folder(environ, "conda")


def call(
    program: str,
    request: Mapping[str, object],
    channels: CondaChannels,
    *,
    environ: Mapping[str, str],
    timeout: float,
    log: Log,
    cancel: threading.Event | None = None,
    pass_fds: Sequence[int] = (),
) -> dict[str, Any]:
    """Run the module `program` with a request and return its answer, both JSON. Its progress goes to `log`.

    Raises what went wrong without credentials: FailedPrecondition, Unavailable when a channel did not answer,
    ResourceExhausted when the disk is full, DeadlineExceeded, Cancelled.
    """
    check_installed()
    with tempfile.TemporaryDirectory(prefix="orris-conda-") as folder:
        asked = Path(folder) / "request.json"
        asked.write_text(json.dumps({"cache": str(cache(environ)), **request}), encoding="utf-8")
        finished = process.run(
            [sys.executable, "-I", "-m", program, str(asked)],
            environ=_environment(environ, channels, Path(folder)),
            cwd=Path(folder),
            timeout=timeout,
            log=log,
            cancel=cancel,
            clean=lambda line: uv.redact(channels.redact(line), environ),
            pass_fds=pass_fds,
        )
    if finished.exit_code != 0:
        raise _unexpected(finished)
    answer: dict[str, Any] = json.loads(finished.output)
    if "error" in answer:
        raise _error(uv.redact(channels.redact(answer["error"]), environ))
    return answer


def _environment(environ: Mapping[str, str], channels: CondaChannels, folder: Path) -> dict[str, str]:
    """Return what the process sees: how to reach a channel, as uv sees it, and the logins in a file of its own."""
    passed = uv.environment(environ) | {name: each for name, each in environ.items() if _PASSED.fullmatch(name)}
    logins = folder / "logins.json"
    logins.write_text(json.dumps(dict(channels.logins)), encoding="utf-8")
    return {**passed, "RATTLER_AUTH_FILE": str(logins), "RUST_BACKTRACE": "0"}


def _error(why: str) -> OrrisError:
    """Return the error that rattler's words stand for."""
    text = "\n".join(dict.fromkeys(line.removeprefix("Caused by: ") for line in why.splitlines()))
    text = text if len(text) <= _REASON_LIMIT else text[:_REASON_LIMIT].rsplit("\n", 1)[0] + "\n..."
    if says_disk_full(why):
        return disk_full(text)
    if _REFUSED.search(why):
        return FailedPrecondition(f"a conda channel refuses its reader: check the login in the setting. {text}")
    if _UNREACHABLE.search(why):
        return Unavailable(f"a conda channel did not answer: {text}")
    return FailedPrecondition(text)


def _unexpected(finished: Finished) -> OrrisError:
    """Return the error for a process that ended without an answer: killed, or aborted by rattler itself."""
    code = finished.exit_code
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
    lines = [line for line in finished.errors if line.strip()]
    said = next((line for line in lines if "allocat" in line or "panicked" in line), "")
    after = lines[lines.index(said) + 1] if said and lines.index(said) + 1 < len(lines) else ""
    if not said and lines:
        return Internal(f"conda packages: ended with {how}: {lines[-1]}")
    return FailedPrecondition(f"conda packages that cannot be dealt with (ended with {how}): {said} {after}".strip())
