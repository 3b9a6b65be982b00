"""Runs whose work is spread over the Ray cluster that this agent's machine is a part of."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from orris import errors
from orris.images.v1 import images_pb2 as images
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder
from orris_agent.ray_cluster import RayCluster
from orris_agent.worker import IMAGE_FILE, INSTALLS
from orris_kit.ray_versions import RayVersions

# Where a machine has no such interpreter, or it cannot load the agent, the worker begins in Ray's own, five words
# later: a command that fails, Ray would try for ever.
_BEGIN = (
    '"$0" -E -P -c "import orris_agent.worker" && exec "$0" "$@"; shift 5; at=$1; '
    'while [ ${#at} -gt 1 ] && [ ! -x "$at/bin/python3" ]; do at=$(dirname "$at"); done; exec "$at/bin/python3" "$@"'
)
_INSIDE = Path(__file__).parent / "inside" / "orris_joblib"


class Spreading:
    """Readies a run for the cluster; `cluster` is None where the machine is not part of one.

    environments: where workers of the run have their environments, on every machine of the cluster.
    """

    def __init__(self, cluster: RayCluster | None, environments: Path) -> None:
        self._cluster = cluster
        self._environments = environments

    def check(self, run: runs.Run, image: images.Image) -> None:
        """Raise FailedPrecondition unless a run that asks for it can be spread from here."""
        if not _is_spread(run):
            return
        if self._cluster is None:
            message = f"distribution: the machines of pool {run.pool!r} are not in a Ray cluster; name a pool whose are"
            raise errors.FailedPrecondition(message, reason="NOT_IN_A_CLUSTER")
        if wrong := RayVersions(self._cluster.version, self._cluster.python_version).mismatch(image.lock):
            raise errors.FailedPrecondition(f"distribution: {wrong}", reason="CLUSTER_MISMATCH")

    def variables(self, lease: agents.Lease, folder: RunFolder, given: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of a run that is spread, and put aside what its workers need; nothing for others.

        The run may read the token of the cluster, and so can do there what Ray's own programs can.
        """
        if not _is_spread(lease.run):
            return {}
        assert self._cluster is not None
        aside = folder.root / "spread"
        shutil.rmtree(aside, ignore_errors=True)
        shutil.copytree(folder.work, aside, symlinks=True)
        (aside / IMAGE_FILE).write_bytes(lease.image.SerializeToString())
        return {
            "ORRIS_RAY_ADDRESS": self._cluster.address,
            "ORRIS_RAY_PROCESSORS": str(self._cluster.processors),
            "ORRIS_RAY_SNAPSHOT": str(aside),
            "ORRIS_RAY_WORKER": shlex.join(_worker_command(_on_any_machine(self._environments))),
            "PYTHONPATH": f"{_INSIDE}:{given['PYTHONPATH']}",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self._cluster.token_file),
            "RAY_RUNTIME_ENV_IGNORE_GITIGNORE": "1",
            "RAY_USAGE_STATS_ENABLED": "0",
        }


def _worker_command(environments: str) -> list[str]:
    """Return what begins a worker. It starts in the snapshot, whose modules are none of its own."""
    worker = [sys.executable, "-E", "-P", "-m", "orris_agent.worker", environments]
    return ["env", f"{INSTALLS}={shlex.join(worker)}", "sh", "-c", _BEGIN, *worker]


def _on_any_machine(folder: Path) -> str:
    """Return a folder as each machine finds it: below its user's home, if it is there on this one."""
    home = Path.home()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)


def check_not_spread(run: runs.Run) -> None:
    """Raise FailedPrecondition for a run that cannot be spread, since its agent puts it into a container."""
    if _is_spread(run):
        message = f"distribution: runs of pool {run.pool!r} are containers, which have no way to a Ray cluster"
        raise errors.FailedPrecondition(f"{message}; name another pool", reason="NOT_IN_A_CLUSTER")


def _is_spread(run: runs.Run) -> bool:
    return run.distribution == runs.DISTRIBUTION_JOBLIB
