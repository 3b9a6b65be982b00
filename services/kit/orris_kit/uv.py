"""How Orris calls uv: which of the service's settings it sees, and how its output is made fit to be shown."""

import os
import re
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import uv

from orris.errors import FailedPrecondition, OrrisError, Unavailable
from orris_kit import process
from orris_kit.caches import cache_folder
from orris_kit.disk_full import disk_full, says_disk_full
from orris_kit.process import Finished, Log

# What uv may see of a service's environment: how to reach an index, and where to keep its cache. Not what changes an
# answer (UV_EXCLUDE_NEWER, UV_CONSTRAINT, UV_PYTHON, VIRTUAL_ENV...): the same spec gives the same lock under any
# service.
_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_.*|XDG_.*|NETRC|SSL_CERT_FILE|SSL_CERT_DIR|SSL_CLIENT_CERT|PYENV_ROOT"
    r"|(?:HTTPS?|ALL|NO|FTP)_PROXY|(?:https?|all|no|ftp)_proxy"
    r"|UV_(?:INDEX.*|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|NO_INDEX|OFFLINE|CACHE_DIR|NO_CACHE|CONFIG_FILE"
    r"|KEYRING_PROVIDER|INSECURE_HOST|HTTP.*|REQUEST_TIMEOUT|CONCURRENT_.*|SYSTEM_CERTS|NATIVE_TLS|PYTHON_INSTALL_DIR)"
)
# uv does not read pip's settings; a machine that is set up for pip is set up for Orris.
_FROM_PIP = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_CERT": "SSL_CERT_FILE"}
_IN_PLACE_OF = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
_SECRET_SETTING = re.compile(r"UV_INDEX_.+_(?:PASSWORD|USERNAME)")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_UNREACHABLE = re.compile(
    r"Failed to fetch|error sending request|dns error|timed out|Connection refused", re.IGNORECASE
)
_REFUSED = re.compile(r"authentication credentials|401 Unauthorized|403 Forbidden")
_HOST = re.compile(r"https?://(?:[^/\s@]+@)?([^/\s:)`]+)")
REASON_LIMIT = 2000


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment uv runs in: what reaches an index, pip's index settings translated, Orris's own cache."""
    passed = {name: value for name, value in environ.items() if _PASSED.fullmatch(name)}
    for theirs, ours in _FROM_PIP.items():
        if theirs in environ and ours not in passed and _IN_PLACE_OF.get(ours) not in passed:
            passed[ours] = environ[theirs]
    passed.setdefault("UV_CACHE_DIR", str(cache_folder(environ, "uv")))
    found = environ.get("PIP_FIND_LINKS", "")
    if found and "UV_FIND_LINKS" not in passed and all("://" in one or Path(one).is_dir() for one in found.split()):
        passed["UV_FIND_LINKS"] = ",".join(found.split())
    return passed


def run(
    arguments: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path,
    timeout: float,
    log: Log | None = None,
    cancel: threading.Event | None = None,
    pass_fds: Sequence[int] = (),
) -> Finished:
    """Run uv with `arguments`; standard error goes to `log` line by line, without credentials.

    Raises Cancelled, DeadlineExceeded or FailedPrecondition when it was killed before its end.
    """
    seen = environment(environ)
    clean = partial(redact, environ=environ)
    line = [uv.find_uv_bin(), *arguments, "--color=never", "--no-progress", *_settings(seen)]
    return process.run(
        line, environ=seen, cwd=cwd, timeout=timeout, log=log, cancel=cancel, clean=clean, pass_fds=pass_fds
    )


def _settings(seen: Mapping[str, str]) -> list[str]:
    """Trust the machine's certificates unless told others; read the operator's uv.toml, never one found nearby."""
    certificates = [] if "SSL_CERT_FILE" in seen else ["--system-certs"]
    if "UV_CONFIG_FILE" in seen:
        return certificates
    home = Path(seen.get("XDG_CONFIG_HOME") or os.path.join(seen.get("HOME", "/"), ".config"))
    for file in (home / "uv" / "uv.toml", Path("/etc/uv/uv.toml")):
        if file.is_file():
            return [*certificates, "--config-file", str(file)]
    return [*certificates, "--no-config"]


def index_arguments(index_url: str | None, extra_index_urls: Sequence[str]) -> tuple[str, ...]:
    """Return arguments that say where packages are: the index in place of PyPI, and those asked before it."""
    first = ("--default-index", index_url) if index_url else ()
    return (*first, *(part for url in extra_index_urls for part in ("--index", url)))


def redact(text: str, environ: Mapping[str, str]) -> str:
    """Return `text` without the credentials of an index: those in addresses and those that a setting of uv holds."""
    for name, value in environ.items():
        if value and _SECRET_SETTING.fullmatch(name):
            text = text.replace(value, "***")
    return _CREDENTIALS.sub("***@", text)


def reason(finished: Finished) -> str:
    """Return why uv failed, in its own words: its error without what it says about errors in general, trimmed."""
    lines = [line for line in finished.errors if line.strip()]
    start = next((n for n, line in enumerate(lines) if line.startswith("error:")), 0)
    text = "\n".join(_without_build_output(lines[start:]))
    text = re.sub(r"^error: No solution found when resolving dependencies\s*(?:cause: )?", "", text)
    text = (
        re.sub(r"\n[ ╰▶─]+", "\n", text).removeprefix("error: ").strip() or f"uv ended with code {finished.exit_code}"
    )
    text = text if len(text) <= REASON_LIMIT else text[:REASON_LIMIT].rsplit("\n", 1)[0] + "\n..."
    return text + _way_in(lines)


def _way_in(lines: Sequence[str]) -> str:
    """Say what to do where an index did not let uv in, nothing where that is not it."""
    refused = next((line for line in lines if _REFUSED.search(line)), None)
    if refused is None:
        return ""
    hosts = _HOST.findall(refused) or _HOST.findall("\n".join(lines))
    entry = f"`machine {hosts[0] if hosts else 'HOST'} login NAME password PASSWORD`"
    return f"\nwhat opens the index belongs into the netrc file of the machine that builds: {entry} in ~/.netrc"


def _without_build_output(lines: Sequence[str]) -> Sequence[str]:
    """Leave out what a package's build printed but for its last line (the log has it), and advice on uv's settings."""
    begin = next((n for n, line in enumerate(lines) if line.strip() in ("[stdout]", "[stderr]")), len(lines))
    printed = [line for line in lines[begin:] if line.startswith(" ")]
    return [*lines[:begin], *printed[-1:]]


def not_installed(finished: Finished) -> OrrisError:
    """Return the error of an installation that failed: Unavailable, ResourceExhausted, else FailedPrecondition."""
    why = reason(finished)
    if any(map(says_disk_full, finished.errors)):
        return disk_full(why)
    kind = Unavailable if unreachable(finished) else FailedPrecondition
    return kind(f"its packages cannot be installed: {why}")


def unreachable(finished: Finished) -> bool:
    """Tell whether uv failed because an index did not answer: the same call may succeed later."""
    return any(_UNREACHABLE.search(line) for line in finished.errors)
