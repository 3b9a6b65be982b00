"""Compute targets. There are no clusters yet: each is this machine, and the first use of a name says so."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azureml._compute_status import AmlComputeStatus, ScaleSettings, status_of
from azureml._errors import translating
from azureml._placeholder import Refusing
from azureml.exceptions import ComputeTargetException

if TYPE_CHECKING:
    from azureml._workspace import Workspace

LOCAL = "local"  # the pool of machines that runs go to, and the name of the target that is always there

# Targets created by this program: (workspace, name) -> configuration. Names that were said to be this machine.
_created: dict[tuple[str, str], AmlComputeProvisioningConfiguration] = {}
_said: set[str] = set()


@dataclass
class AmlComputeProvisioningConfiguration:
    """What a cluster should be like. Kept to be shown; this machine stays what it is."""

    vm_size: str = ""
    vm_priority: str = "dedicated"
    min_nodes: int = 0
    max_nodes: int = 1
    idle_seconds_before_scaledown: int = 1800
    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""


class ComputeTarget(Refusing):
    """A compute target of a workspace by its name. Raises ComputeTargetException when there is none of that name.

    Always an AmlCompute.
    """

    _lacking = "attach attach_configuration detach refresh_state"
    type = "AmlCompute"
    provisioning_state = "Succeeded"

    def __new__(cls, workspace: Workspace, name: str, **_options: Any) -> ComputeTarget:
        return object.__new__(AmlCompute)

    def __init__(self, workspace: Workspace, name: str, **_options: Any) -> None:
        key = (workspace.resource_name, name)
        if name != LOCAL and key not in _created:
            raise ComputeTargetException(
                f"ComputeTargetNotFound: there is no compute target {name!r} in workspace {workspace.name}; create it "
                f"with ComputeTarget.create, or use {LOCAL!r}, this machine"
            )
        self.workspace = workspace
        self.name = name
        self._configuration = _created.get(key) or AmlComputeProvisioningConfiguration()
        self.vm_size = self._configuration.vm_size
        self.vm_priority = self._configuration.vm_priority
        self.tags = self._configuration.tags

    @staticmethod
    def create(
        workspace: Workspace, name: str, provisioning_configuration: AmlComputeProvisioningConfiguration
    ) -> AmlCompute:
        """Make a name for this machine, for as long as this program runs."""
        say(name)
        _created[workspace.resource_name, name] = provisioning_configuration
        return AmlCompute(workspace, name)

    @staticmethod
    def list(workspace: Workspace) -> builtins.list[AmlCompute]:
        """Return the targets that this program has created, and "local"."""
        names = [name for owner, name in _created if owner == workspace.resource_name]
        return [AmlCompute(workspace, name) for name in dict.fromkeys((*names, LOCAL))]

    @property
    def scale_settings(self) -> ScaleSettings:
        """The numbers of nodes asked for."""
        asked = self._configuration
        return ScaleSettings(asked.max_nodes, asked.min_nodes, asked.idle_seconds_before_scaledown)

    def get_status(self) -> AmlComputeStatus:
        """Return how this machine stands."""
        with translating(ComputeTargetException):
            return status_of(self.workspace, LOCAL, self)

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float | None = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Return at once: this machine is there."""
        if show_output:
            print("Succeeded\nAmlCompute wait for completion finished\n")
            print("Minimum number of nodes requested have been provisioned", flush=True)

    def update(self, **settings: Any) -> None:
        """Change what is kept of the configuration: min_nodes, max_nodes, idle_seconds_before_scaledown."""
        for name, value in settings.items():
            if value is not None:
                setattr(self._configuration, name, value)

    def delete(self) -> None:
        """Forget the name. This machine and what runs on it stay."""
        _created.pop((self.workspace.resource_name, self.name), None)

    def serialize(self) -> dict[str, Any]:
        """Return what is known of the target, under Azure's keys."""
        return {
            "name": self.name,
            "type": self.type,
            "provisioningState": self.provisioning_state,
            "computeLocation": LOCAL,
            "tags": self.tags,
            "properties": {"vmSize": self.vm_size, "vmPriority": self.vm_priority},
        }

    def __repr__(self) -> str:
        return f"AmlCompute(workspace={self.workspace!r}, name={self.name}, type={self.type})"


class AmlCompute(ComputeTarget):
    """A cluster, which is this machine."""

    @staticmethod
    def provisioning_configuration(
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int | str = 0,
        max_nodes: int | str | None = None,
        idle_seconds_before_scaledown: int | str | None = None,
        tags: dict[str, str] | None = None,
        description: str | None = None,
        **_options: Any,
    ) -> AmlComputeProvisioningConfiguration:
        """Return what a cluster should be like; numbers may be text, as from os.environ."""
        return AmlComputeProvisioningConfiguration(
            vm_size,
            vm_priority,
            int(min_nodes),
            4 if max_nodes is None else int(max_nodes),
            1800 if idle_seconds_before_scaledown is None else int(idle_seconds_before_scaledown),
            tags or {},
            description or "",
        )


def pool_of(target: object) -> str:
    """Return the pool that runs for a target (an object, a name, or None) go to."""
    name = str(getattr(target, "name", target) or LOCAL)
    say(name)
    return LOCAL


def say(name: str) -> None:
    """Say once, in one line, that a name means this machine."""
    if name != LOCAL and name not in _said:
        _said.add(name)
        print(f"{name} is this machine: Orris has no clusters yet, its runs go to the pool {LOCAL!r}.", flush=True)
