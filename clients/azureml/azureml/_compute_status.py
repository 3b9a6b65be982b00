"""How a compute target stands, under Azure's keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azureml._compute import ComputeTarget
    from azureml._workspace import Workspace

_NODE_STATES = ("preparing", "running", "idle", "unusable", "leaving", "preempted")


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
    """The machines of a pool: how many are connected, and how many execute runs."""

    current_node_count: int
    running: int
    scale_settings: ScaleSettings
    vm_size: str
    vm_priority: str
    allocation_state: str = "Steady"
    provisioning_state: str = "Succeeded"
    errors: None = None

    @property
    def target_node_count(self) -> int:
        """The same: machines come and go by themselves."""
        return self.current_node_count

    @property
    def node_state_counts(self) -> dict[str, int]:
        """Numbers of nodes by state."""
        counts = {"running": self.running, "idle": self.current_node_count - self.running}
        return {f"{state}NodeCount": counts.get(state, 0) for state in _NODE_STATES}

    def serialize(self) -> dict[str, Any]:
        """Return the status under Azure's keys."""
        return {
            "currentNodeCount": self.current_node_count,
            "targetNodeCount": self.target_node_count,
            "nodeStateCounts": self.node_state_counts,
            "allocationState": self.allocation_state,
            "allocationStateTransitionTime": None,
            "errors": self.errors,
            "creationTime": None,
            "modifiedTime": None,
            "provisioningState": self.provisioning_state,
            "provisioningStateTransitionTime": None,
            "scaleSettings": self.scale_settings.serialize(),
            "vmPriority": self.vm_priority,
            "vmSize": self.vm_size,
        }


def status_of(workspace: Workspace, pool: str, target: ComputeTarget) -> AmlComputeStatus:
    """Return how the machines of a pool stand."""
    from orris.sdk.agents import list_agents

    agents = [each for each in list_agents(workspace.connection.address) if each["pool"] == pool and each["connected"]]
    running = sum(bool(each["runs"]) for each in agents)
    return AmlComputeStatus(len(agents), running, target.scale_settings, target.vm_size, target.vm_priority)
