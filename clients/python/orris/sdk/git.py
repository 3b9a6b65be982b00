"""Where a script came from: the state of its git repository, as properties of the run under Azure's names."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

# A repository on a slow disk must not hold up a submission.
SECONDS = 2.0


def git_properties(folder: Path) -> dict[str, str]:
    """Return repository, branch, commit and whether there are uncommitted changes; empty outside of a repository."""
    asking = (
        _begin(folder, "rev-parse", "HEAD", "--abbrev-ref", "HEAD"),
        _begin(folder, "config", "--get", "remote.origin.url"),
        _begin(folder, "status", "--porcelain", "--untracked-files=no", "--", "."),
    )
    head, address, changes = map(_answer, asking)
    if len(head) != 2:
        return {}
    commit, branch = head
    repository = without_credentials(" ".join(address))
    found = {
        "azureml.git.repository_uri": repository,
        "mlflow.source.git.repoURL": repository,
        "azureml.git.branch": branch,
        "mlflow.source.git.branch": branch,
        "azureml.git.commit": commit,
        "mlflow.source.git.commit": commit,
        "azureml.git.dirty": str(bool(changes)),
    }
    return {key: value for key, value in found.items() if value}


def without_credentials(address: str) -> str:
    """Return a repository's address without the user and password that may stand in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if "@" not in parts.netloc or parts.scheme == "ssh":
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _begin(folder: Path, *arguments: str) -> subprocess.Popen[str] | None:
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None


def _answer(asked: subprocess.Popen[str] | None) -> list[str]:
    """Return the lines of the answer; none where there was none in time, or no good one."""
    if asked is None:
        return []
    with asked:
        try:
            said, _ = asked.communicate(timeout=SECONDS)
        except (subprocess.TimeoutExpired, UnicodeDecodeError):
            asked.kill()
            return []
    return said.splitlines() if asked.returncode == 0 else []
