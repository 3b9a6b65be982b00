"""Where a script came from: the state of its git repository, as properties of the run under Azure's names."""

from __future__ import annotations

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

# A repository on a slow disk must not hold up a submission.
SECONDS = 2.0


def git_properties(folder: Path) -> dict[str, str]:
    """Return repository, branch, commit and whether there are uncommitted changes; empty outside of a repository."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    address = without_credentials(_git(folder, "config", "--get", "remote.origin.url"))
    dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no", "--", "."))
    found = {
        "azureml.git.repository_uri": address,
        "mlflow.source.git.repoURL": address,
        "azureml.git.branch": branch,
        "mlflow.source.git.branch": branch,
        "azureml.git.commit": commit,
        "mlflow.source.git.commit": commit,
        "azureml.git.dirty": str(dirty),
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


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
