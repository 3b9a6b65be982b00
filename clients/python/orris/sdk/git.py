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

from orris.sdk.snapshot import MAX_FILES
from orris.sdk.source_walk import SourceWalk

# A repository on a slow disk must not hold up a submission.
SECONDS = 2.0
# Git's exit code where there is no repository, or it may not be read.
FATAL = 128
ORIGIN = "remote.origin.url"
# Of a folder without a file that git knows, it tells the name: which files are in it is looked up where they may count.
STATUS = ("status", "--porcelain=v2", "-z", "--branch", "--no-ahead-behind", "--untracked-files=normal", "--", ".")
# Git 2.22 and later says on standard error, an event of JSON a line, what it was set to: one program less to execute.
TRACING = {
    "GIT_TRACE2_EVENT": "1",
    "GIT_TRACE2_CONFIG_PARAMS": ORIGIN,
    "GIT_TRACE2_EVENT_BRIEF": "1",
    "GIT_TRACE2_EVENT_NESTING": "1",
}


def git_properties(folder: Path) -> dict[str, str]:
    """Return repository, branch, commit and whether there are uncommitted changes; empty outside of a repository.

    A file that git does not know is a change where it is part of the folder's snapshot. Raises as that does.
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
    state = _state(folder, status) if status.code in (0, FATAL) else _head(folder)
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


def _state(folder: Path, status: _Answer) -> _State | None:
    """Read what `git status` says in its second format; None without a commit."""
    entries = [os.fsdecode(entry) for entry in status.said.split(b"\0") if entry]
    headers = dict(entry[2:].partition(" ")[::2] for entry in entries if entry.startswith("# "))
    commit, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head", "")
    if commit == "(initial)":
        return None
    untracked = [entry[2:] for entry in entries if entry.startswith("? ")]
    changed = len(headers) + len(untracked) < len(entries) or _any_counts(folder, untracked, status.events)
    return _State(
        commit, "HEAD" if branch == "(detached)" else os.fsencode(branch).decode(errors="replace"), str(changed)
    )


def _any_counts(folder: Path, untracked: list[str], events: list[str]) -> bool:
    """Tell whether any of the paths, as git tells them, is part of the folder's snapshot."""
    if not untracked:
        return False
    prefix, walk = _prefix(folder, events), SourceWalk(folder, MAX_FILES)
    return any(walk.has_any(path.removeprefix(prefix)) for path in untracked)


def _prefix(folder: Path, events: list[str]) -> str:
    """Return what the paths of the folder's files begin with, as git tells them: from the top of its repository."""
    told = [json.loads(line) for line in events if line.startswith('{"event":"def_repo"')]
    if not told:
        return "".join(_ask(folder, "rev-parse", "--show-prefix").lines)
    below = os.path.relpath(os.path.realpath(folder), told[-1]["worktree"])
    return "" if below == "." else f"{below}/"


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
    """A good answer, the lines of the trace, and the exit code: None where it was not had, or not in time."""

    said: bytes
    events: list[str]
    code: int | None

    @property
    def lines(self) -> list[str]:
        """The lines of the answer."""
        return _lines(self.said)


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
                return _Answer(b"", [], None)
            trace.seek(0)
            return _Answer(said if asked.returncode == 0 else b"", _lines(trace.read()), asked.returncode)
    except OSError:
        return _Answer(b"", [], None)


def _lines(output: bytes) -> list[str]:
    # Bytes, as names may hold what Unicode takes for the end of a line.
    return [line.decode(errors="replace") for line in output.splitlines()]
