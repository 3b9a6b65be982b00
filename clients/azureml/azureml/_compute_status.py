"""How a compute target stands, under Azure's keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orris.sdk.spelling import moment_text, utc_text

if TYPE_CHECKING:
    from azureml._compute import ComputeTarget
    from orris.sdk.pools import Pool

_NODE_STATES = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
_AZURES_STATE = {
    "Starting": "preparing",
    "Running": "running",
    "Idle": "idle",
    "Unreachable": "unusable",
    "Draining": "leaving",
    "Stopping": "leaving",
}


@dataclass
class ScaleSettings:
    """How many nodes a cluster may have, and how long an idle one is kept, in seconds."""

    maximum_node_count: int
    minimum_node_count: int = 0
    idle_seconds_before_scaledown: int = 1800

    def serialize(self) -> dict[str, Any]:
        """Return the settings under Azure's keys, the time as ISO 8601."""
        return {
            "minNodeCount": self.minimum_node_count,
            "maxNodeCount": self.maximum_node_count,
            "nodeIdleTimeBeforeScaleDown": f"PT{self.idle_seconds_before_scaledown}S",
        }


@dataclass
class AmlComputeStatus:
    """How the nodes of a pool stand."""

    node_state_counts: dict[str, int]
    scale_settings: ScaleSettings
    vm_size: str
    vm_priority: str
    creation_time: str | None = None
    modified_time: str | None = None
    provisioning_state: str = "Succeeded"
    provisioning_state_transition_time: str | None = None
    allocation_state_transition_time: str | None = None
    errors: list[dict[str, Any]] | None = None

    @property
    def current_node_count(self) -> int:
        """The nodes that execute runs, or could."""
        return self.node_state_counts["runningNodeCount"] + self.node_state_counts["idleNodeCount"]

    @property
    def target_node_count(self) -> int:
        """Those, and the nodes that come."""
        return self.current_node_count + self.node_state_counts["preparingNodeCount"]

    @property
    def allocation_state(self) -> str:
        """Azure's word for whether nodes come or go: "Resizing", or "Steady"."""
        moving = self.node_state_counts["preparingNodeCount"] + self.node_state_counts["leavingNodeCount"]
        return "Resizing" if moving else "Steady"

    def serialize(self) -> dict[str, Any]:
        """Return the status under Azure's keys."""
        return {
            "currentNodeCount": self.current_node_count,
            "targetNodeCount": self.target_node_count,
            "nodeStateCounts": self.node_state_counts,
            "allocationState": self.allocation_state,
            "allocationStateTransitionTime": self.allocation_state_transition_time,
            "errors": self.errors,
            "creationTime": self.creation_time,
            "modifiedTime": self.modified_time,
            "provisioningState": self.provisioning_state,
            "provisioningStateTransitionTime": self.provisioning_state_transition_time,
            "scaleSettings": self.scale_settings.serialize(),
            "vmPriority": self.vm_priority,
            "vmSize": self.vm_size,
        }


def status_of(pool: Pool, target: ComputeTarget) -> AmlComputeStatus:
    """Return how the nodes of a pool stand."""
    nodes = pool.nodes()
    counts = dict.fromkeys(_NODE_STATES, 0)
    for node in nodes:
        counts["preempted" if node["preempted"] else _AZURES_STATE[node["state"]]] += 1
    created, modified = utc_text(pool.message.create_time), utc_text(pool.message.update_time)
    return AmlComputeStatus(
        node_state_counts={f"{state}NodeCount": count for state, count in counts.items()},
        scale_settings=target.scale_settings,
        vm_size=target.vm_size,
        vm_priority=target.vm_priority,
        creation_time=created,
        modified_time=modified,
        provisioning_state=target.provisioning_state,
        provisioning_state_transition_time=created if target.provisioning_state == "Succeeded" else modified,
        allocation_state_transition_time=_last_moved(nodes) or modified,
        errors=[{"error": {"code": "NodeError", "message": pool.error}}] if pool.error else None,
    )


def _last_moved(nodes: list[dict[str, Any]]) -> str | None:
    """Return when one of the nodes that are there was asked for, or was ready; None where there is none."""
    times = [time for node in nodes for time in (node["created"], node["ready"]) if time is not None]
    return moment_text(max(times, default=None))
