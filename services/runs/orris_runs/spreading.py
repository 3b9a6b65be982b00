"""What runs are executed in; those that are spread over a Ray cluster get its Ray."""

import asyncio

from orris.errors import FailedPrecondition, Unavailable
from orris_kit.blocking import run_blocking
from orris_kit.ray_versions import RayVersions
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.model import Distribution, NewRun, Prepared
from orris_runs.store import pool_changed

# A pool that was just created learns of its cluster meanwhile.
PATIENCE_SECONDS = 20.0
_CONFLICTS = ("PACKAGE_CONFLICT", "PYTHON_CONFLICT", "USER_MANAGED_IMAGE")


class Spreading:
    """Has images made that go with the cluster of a run's pool."""

    def __init__(self, core: Core, images: Images, patience: float = PATIENCE_SECONDS) -> None:
        self._core, self._images, self._patience = core, images, patience

    async def prepare(self, new: NewRun) -> Prepared:
        """Return the image of a run, or the build that makes it.

        Raises FailedPrecondition (NOT_IN_A_CLUSTER, CLUSTER_MISMATCH), Unavailable (CLUSTER_UNKNOWN).
        """
        if new.program.distribution is Distribution.NONE:
            return await self._images.prepare(new.workspace, new.environment, new.image)
        cluster = await self._cluster_of(new.pool)
        try:
            prepared = await self._images.prepare(new.workspace, new.environment, new.image, cluster)
        except FailedPrecondition as conflict:
            if cluster is None or conflict.reason not in _CONFLICTS:
                raise
            raise _mismatch(new, cluster, f"the environment does not go with that: {conflict.message}") from conflict
        if (
            cluster is not None
            and new.image
            and (wrong := cluster.mismatch((await self._images.image(new.image)).lock))
        ):
            raise FailedPrecondition(f"run.distribution: {wrong}", reason="CLUSTER_MISMATCH")
        return prepared

    async def _cluster_of(self, pool_id: str) -> RayVersions | None:
        """Return the cluster of a pool; None where it has no engine: its agents know, and say so."""
        try:
            async with asyncio.timeout(self._patience), self._core.store.changes.watch(pool_changed(pool_id)) as waiter:
                while True:
                    pool = await run_blocking(self._core.pools.get, pool_id)
                    if pool.ray_known or not pool.engine:
                        break
                    if pool.error:
                        raise _unknown(pool_id, pool.error)
                    await waiter.wait()
        except TimeoutError:
            raise _unknown(pool_id, "its engine has not answered yet") from None
        if pool.engine and pool.ray is None:
            message = f"run.distribution: the machines of pool {pool_id!r} are on no Ray cluster; name a pool whose are"
            raise FailedPrecondition(message, reason="NOT_IN_A_CLUSTER")
        return pool.ray


def _unknown(pool_id: str, why: str) -> Unavailable:
    message = f"run.distribution: the Ray cluster of pool {pool_id!r} has not been reached, so its version is not known"
    return Unavailable(f"{message}: {why}; try again", reason="CLUSTER_UNKNOWN")


def _mismatch(new: NewRun, cluster: RayVersions, why: str) -> FailedPrecondition:
    message = f"run.distribution: the cluster of pool {new.pool!r} has Ray {cluster.ray} and Python {cluster.python}"
    return FailedPrecondition(f"{message}; {why}", reason="CLUSTER_MISMATCH")
