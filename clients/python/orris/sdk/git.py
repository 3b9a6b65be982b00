"""Where a script came from: the state of its git repository, as properties of the run under Azure's names."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import TemporaryFile
from typing import NamedTuple
from urllib.parse import urlsplit

# A repository on a slow disk must not hold up a submission.
SECONDS = 2.0
# Git's exit code where there is no repository, or it may not be read.
FATAL = 128
ORIGIN = "remote.origin.url"
STATUS = ("status", "--porcelain=v2", "--branch", "--no-ahead-behind", "--untracked-files=no", "--", ".")
# Git 2.22 and later says on standard error, an event of JSON a line, what it was set to: one program less to execute.
TRACING = {
    "GIT_TRACE2_EVENT": "1",
    "GIT_TRACE2_CONFIG_PARAMS": ORIGIN,
    "GIT_TRACE2_EVENT_BRIEF": "1",
    "GIT_TRACE2_EVENT_NESTING": "1",
}


def git_properties(folder: Path) -> dict[str, str]:
    """Return repository, branch, commit and whether there are uncommitted changes; empty outside of a repository.

    Threads that ask at the same time have one look together, which begins after each of them has asked.
    """
    # A process that was forked shares nothing with its parent's threads.
    key = os.getpid(), os.path.abspath(folder)
    own = _Look()
    look = _next.setdefault(key, own)
    if look is not own:
        look.over.wait()
        return _look_at(folder) if look.found is None else look.found
    try:
        with _at_work.setdefault(key, threading.Lock()):
            del _next[key]
            own.found = _look_at(folder)
    finally:
        own.over.set()
        if _next.get(key) is own:  # interrupted before it began
            del _next[key]
    return own.found


def without_credentials(address: str) -> str:
    """Return a repository's address without the user and password that may stand in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if "@" not in parts.netloc or parts.scheme == "ssh":
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class _Look:
    """A look at a repository; `found` stays None where it was broken off."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.found: dict[str, str] | None = None


# By process and folder: the look that has not begun, and what is held during one.
_next: dict[tuple[int, str], _Look] = {}
_at_work: dict[tuple[int, str], threading.Lock] = {}


class _State(NamedTuple):
    commit: str
    branch: str
    dirty: str


def _look_at(folder: Path) -> dict[str, str]:
    status = _ask(folder, *STATUS, **TRACING)
    state = _state(status.lines) if status.code in (0, FATAL) else _head(folder)
    if state is None:
        return {}
    repository = without_credentials(_origin(folder, status.events))
    found = {
        "azureml.git.repository_uri": repository,
        "mlflow.source.git.repoURL": repository,
        "azureml.git.branch": state.branch,
        "mlflow.source.git.branch": state.branch,
        "azureml.git.commit": state.commit,
        "mlflow.source.git.commit": state.commit,
        "azureml.git.dirty": state.dirty,
    }
    return {key: value for key, value in found.items() if value}


def _state(lines: list[str]) -> _State | None:
    """Read what `git status` says in its second format; None without a commit."""
    headers = dict(line[2:].partition(" ")[::2] for line in lines if line.startswith("# "))
    commit, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head", "")
    if commit == "(initial)":
        return None
    changed = any(not line.startswith("# ") for line in lines)
    return _State(commit, "HEAD" if branch == "(detached)" else branch, str(changed))


def _head(folder: Path) -> _State | None:
    """Return what is known where looking for changes takes too long, or git is too old to tell all at once."""
    lines = _ask(folder, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").lines
    return _State(lines[0], lines[1], "") if len(lines) == 2 else None


def _origin(folder: Path, events: list[str]) -> str:
    """Return the address of the remote, as git's trace or else its configuration has it; empty where it has none."""
    if not any(line.startswith('{"event":"version"') for line in events):
        return " ".join(_ask(folder, "config", "--get", ORIGIN).lines)
    told = [json.loads(line) for line in events if line.startswith('{"event":"def_param"')]
    return next((event.get("value", "") for event in reversed(told) if event.get("param") == ORIGIN), "")


class _Answer(NamedTuple):
    """The lines of a good answer, those of the trace, and the exit code: None where it was not had, or not in time."""

    lines: list[str]
    events: list[str]
    code: int | None


def _ask(folder: Path, *arguments: str, **variables: str) -> _Answer:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    environment = {**os.environ, **variables}
    try:
        # The trace goes into a file: each of its lines through a pipe would wake this program.
        with TemporaryFile() as trace, Popen(command, stdout=PIPE, stderr=trace, env=environment) as asked:
            try:
                said, _ = asked.communicate(timeout=SECONDS)
            except TimeoutExpired:
                asked.kill()
                return _Answer([], [], None)
            trace.seek(0)
            return _Answer(_lines(said) if asked.returncode == 0 else [], _lines(trace.read()), asked.returncode)
    except OSError:
        return _Answer([], [], None)


def _lines(output: bytes) -> list[str]:
    # Bytes, as names may hold what Unicode takes for the end of a line.
    return [line.decode(errors="replace") for line in output.splitlines()]
