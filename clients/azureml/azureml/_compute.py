"""Compute targets: the pools of the installation, under Azure's names; "local" is this machine."""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azureml._compute_lacking import INSTEAD
from azureml._compute_status import AmlComputeStatus, ScaleSettings, status_of
from azureml._errors import translated
from azureml._placeholder import Refusing
from azureml._vm_sizes import described, resources_of
from azureml.exceptions import ComputeTargetException
from orris.errors import DeadlineExceeded, InvalidArgument, NotFound
from orris.sdk.pools import Pool
from orris.sdk.run_list import list_runs

if TYPE_CHECKING:
    from azureml._run import Run
    from azureml._workspace import Workspace
    from orris.sdk import workspace as sdk

LOCAL = "local"  # the pool of machines that runs go to by default, and the name of the target that is always there

# What a pool's tags keep of Azure's configuration besides its own tags.
VM_SIZE, VM_PRIORITY = "azureml.vmSize", "azureml.vmPriority"


LOW_PRIORITY = "lowpriority"


@dataclass
class AmlComputeProvisioningConfiguration:
    """What a cluster should be like."""

    vm_size: str = ""
    vm_priority: str = "dedicated"
    min_nodes: int = 0
    max_nodes: int = 4
    idle_seconds_before_scaledown: int = 1800
    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""


@translated(not_found=ComputeTargetException)
class ComputeTarget(Refusing):
    """A compute target by its name. Raises ComputeTargetException when there is none of that name.

    Always an AmlCompute.
    """

    _lacking = " ".join(INSTEAD)
    _instead = INSTEAD
    type = "AmlCompute"
    location = LOCAL
    cluster_location = LOCAL
    cluster_resource_id = None  # of what was attached: nothing can be
    subnet_id = None  # in no network of Azure

    def __new__(cls, workspace: Workspace, name: str, **_options: Any) -> ComputeTarget:
        return object.__new__(AmlCompute)

    def __init__(self, workspace: Workspace, name: str, _pool: Pool | None = None, **_options: Any) -> None:
        self.workspace = workspace
        self.name = name
        self._pool = _pool or _find(workspace, name)

    @staticmethod
    def create(
        workspace: Workspace, name: str, provisioning_configuration: AmlComputeProvisioningConfiguration
    ) -> AmlCompute:
        """Create a pool; its nodes come when runs wait for them.

        Its engine is ORRIS_POOL_ENGINE, by default "local": agents on the machine of the service. A name that is there
        already is that pool, with the numbers of nodes that are given.
        """
        asked = provisioning_configuration
        found = _existing(workspace, name)
        if found is None:
            pool = _create(workspace, name, asked)
        else:
            idle = asked.idle_seconds_before_scaledown
            pool = found.update(min_nodes=asked.min_nodes, max_nodes=asked.max_nodes, idle_seconds=idle)
        return AmlCompute(workspace, name, _pool=pool)

    @staticmethod
    def list(workspace: Workspace) -> builtins.list[AmlCompute]:
        """Return all pools as targets."""
        return [AmlCompute(workspace, pool.name, _pool=pool) for pool in Pool.list(workspace.connection)]

    @property
    def id(self) -> str:
        """What names it in the whole installation: `pools/NAME`."""
        return self._pool.message.name

    @property
    def provisioning_state(self) -> str:
        """Azure's word: "Succeeded", or "Deleting"."""
        return "Deleting" if self._pool.state == "Deleting" else "Succeeded"

    @property
    def provisioning_errors(self) -> None:
        """None: what keeps nodes from coming is in the status."""

    @property
    def vm_size(self) -> str:
        """The size that was asked for."""
        return self._pool.message.tags.get(VM_SIZE, "")

    @property
    def vm_priority(self) -> str:
        """The priority that was asked for; nodes are the engine's, whatever it says."""
        return self._pool.message.tags.get(VM_PRIORITY, "dedicated")

    @property
    def tags(self) -> dict[str, str]:
        """The tags that were given."""
        return {key: value for key, value in self._pool.message.tags.items() if key not in (VM_SIZE, VM_PRIORITY)}

    @property
    def description(self) -> str:
        """The text that was given."""
        return self._pool.message.description

    @property
    def created_on(self) -> datetime | None:
        """When it was created."""
        created: datetime | None = self._pool.details()["created"]
        return created

    @property
    def modified_on(self) -> datetime | None:
        """When somebody last changed it."""
        modified: datetime | None = self._pool.details()["updated"]
        return modified

    @property
    def scale_settings(self) -> ScaleSettings:
        """The numbers of nodes."""
        details = self._pool.details()
        return ScaleSettings(details["maxNodes"], details["minNodes"], round(details["idleSeconds"]))

    def refresh_state(self) -> None:
        """Read the target again."""
        self._pool.refresh()

    def get_status(self) -> AmlComputeStatus:
        """Return how the nodes stand."""
        self.refresh_state()
        return status_of(self._pool, self)

    @property
    def status(self) -> AmlComputeStatus:
        """How the nodes stand now."""
        return self.get_status()

    def get_active_runs(self) -> Iterator[Run]:
        """Yield the runs of the workspace that wait for nodes of it, or execute on them, newest first."""
        from azureml._run import adopted

        parent = self.workspace.resource_name
        for each in list_runs(self.workspace, parent, include_children=True, archived=None, unfinished=True):
            if each.message.pool == self._pool.name:
                yield adopted(each)

    def list_nodes(self) -> builtins.list[dict[str, Any]]:
        """Return the nodes, each with nodeId, nodeState and runId."""
        nodes = self._pool.nodes()
        return [
            {
                "nodeId": node["name"],
                "nodeState": node["state"].lower(),
                "runId": next(iter(node["runs"]), None),
                "privateIpAddress": node["host"],
            }
            for node in nodes
        ]

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float | None = 25,
        is_delete_operation: bool = False,
    ) -> None:
        """Return when so many nodes are there, by default as many as always are; or, being deleted, when it is gone.

        When the time is over, it returns as well, and says with `show_output` how many there are.
        """
        seconds = None if timeout_in_minutes is None else timeout_in_minutes * 60
        say = _say if show_output else _say_nothing
        say("Deleting" if is_delete_operation else self.provisioning_state, end="")
        try:
            self._wait(min_node_count, seconds, is_delete_operation, lambda: say(".", end=""))
        except TimeoutError:
            say("\nAmlCompute wait for completion finished\n")
            state, there = self.provisioning_state, self._pool.node_count
            say(
                f'Wait timeout has been reached. Current provisioning state of AmlCompute is "{state}" and current '
                f'node count is "{there}"'
            )
            return
        said = "" if is_delete_operation else "\nMinimum number of nodes requested have been provisioned"
        say(f"\nAmlCompute wait for completion finished\n{said}")

    def _wait(self, count: int | None, seconds: float | None, deleting: bool, each_time: Callable[[], object]) -> None:
        try:
            if deleting:
                self._pool.wait_until_gone(seconds)
            else:
                wanted = self._pool.message.min_nodes if count is None else count
                self._pool.wait_for_nodes(wanted, seconds, lambda _: each_time())
        except DeadlineExceeded as late:
            raise TimeoutError(late.message) from late

    def update(
        self,
        min_nodes: int | str | None = None,
        max_nodes: int | str | None = None,
        idle_seconds_before_scaledown: int | str | None = None,
        **_options: Any,
    ) -> None:
        """Change the numbers of nodes, and how long an idle one is kept."""
        idle = idle_seconds_before_scaledown
        self._pool.update(
            min_nodes=None if min_nodes is None else int(min_nodes),
            max_nodes=None if max_nodes is None else int(max_nodes),
            idle_seconds=None if idle is None else int(idle),
        )

    def delete(self) -> None:
        """Delete the pool; its nodes end. Raises ComputeTargetException while runs need it."""
        self._pool.delete()

    def serialize(self) -> dict[str, Any]:
        """Return what is known of the target, under Azure's keys."""
        return {
            "name": self.name,
            "type": self.type,
            "provisioningState": self.provisioning_state,
            "computeLocation": LOCAL,
            "description": self.description,
            "tags": self.tags,
            "properties": {
                "vmSize": self.vm_size,
                "vmPriority": self.vm_priority,
                "scaleSettings": self.scale_settings.serialize(),
            },
        }

    def __repr__(self) -> str:
        return f"AmlCompute(workspace={self.workspace!r}, name={self.name}, type={self.type})"


@translated(not_found=ComputeTargetException)
class AmlCompute(ComputeTarget):
    """A cluster: a pool whose nodes come when runs wait for them, and go when they are idle."""

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
        least = int(min_nodes)
        return AmlComputeProvisioningConfiguration(
            vm_size,
            vm_priority,
            least,
            max(4, least) if max_nodes is None else int(max_nodes),
            1800 if idle_seconds_before_scaledown is None else int(idle_seconds_before_scaledown),
            tags or {},
            description or "",
        )

    @staticmethod
    def supported_vmsizes(workspace: Workspace, location: str | None = None) -> builtins.list[dict[str, Any]]:
        """Return the sizes that `provisioning_configuration` knows, each with what it has on Azure.

        Nodes are asked for with its processors and memory; for its graphics processors and its disk they are not.
        """
        return described()


def pool_of(target: object) -> str:
    """Return the pool that runs for a target (an object, a name, or None) go to."""
    return str(getattr(target, "name", target) or LOCAL).lower()


def priority_of(workspace: sdk.Workspace, pool: str) -> str:
    """Return the priority that a pool's machines were asked for with; empty where there is no such pool."""
    found = None if pool == LOCAL else _existing(workspace, pool)
    return "" if found is None else found.message.tags.get(VM_PRIORITY, "").lower()


def _find(workspace: Workspace, name: str) -> Pool:
    found = _existing(workspace, name)
    if found is None:
        raise ComputeTargetException(
            f"ComputeTargetNotFound: there is no compute target {name!r}; create it with ComputeTarget.create, or use "
            f"{LOCAL!r}, this machine"
        )
    return found


def _existing(workspace: sdk.Workspace, name: str) -> Pool | None:
    try:
        return Pool.get(pool_of(name), workspace.connection)
    except (NotFound, InvalidArgument):
        return None


def _create(workspace: Workspace, name: str, asked: AmlComputeProvisioningConfiguration) -> Pool:
    resources = resources_of(asked.vm_size)
    if resources is not None:
        memory = f"{int(resources.memory or 0) / 1024**3:g} GiB"
        _say(f"{name}: {asked.vm_size} is asked for as {resources.cpus:g} CPUs and {memory} a node.")
    elif asked.vm_size:
        _say(f"{name}: Orris does not know the size {asked.vm_size}; nodes are as its engine has them.")
    return Pool.create(
        pool_of(name),
        engine=os.environ.get("ORRIS_POOL_ENGINE", LOCAL),
        min_nodes=asked.min_nodes,
        max_nodes=asked.max_nodes,
        idle_seconds=asked.idle_seconds_before_scaledown,
        resources=resources,
        description=asked.description,
        tags={**asked.tags, VM_SIZE: asked.vm_size, VM_PRIORITY: asked.vm_priority},
        connection=workspace.connection,
    )


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end, flush=True)


def _say_nothing(text: str, end: str = "\n") -> None:
    del text, end
