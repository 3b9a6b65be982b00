"""What an environment needs so that programs in it can work with a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


class Package(Protocol):
    """A package of a lock."""

    name: str
    version: str


class Lock(Protocol):
    """What is looked at of a lock, in the contract's form."""

    @property
    def packages(self) -> Iterable[Package]: ...

    interpreter: str
    python_version: str


@dataclass(frozen=True, slots=True)
class RayVersions:
    """The versions of Ray and of Python in a cluster. Ray demands its own to the digit, and Python's minor one."""

    ray: str
    python: str

    @property
    def requirement(self) -> str:
        """What an environment has to have."""
        return f"ray=={self.ray}"

    def mismatch(self, lock: Lock) -> str:
        """Return why an environment does not go with the cluster, and what to do; empty where it does."""
        if lock.interpreter:
            return "an interpreter of one's own is on one machine alone; let Orris make the environment"
        needs = f"the cluster has Ray {self.ray}: add {self.requirement} to the environment"
        found = next((package.version for package in lock.packages if package.name == "ray"), "")
        if not found:
            return f"the environment has no Ray, and {needs}"
        if found != self.ray:
            return f"the environment has Ray {found}, and {needs}"
        if minor(lock.python_version) != minor(self.python):
            return (
                f"the environment has Python {lock.python_version}, and the cluster has {self.python}: "
                f"ask for python={minor(self.python)} in the environment"
            )
        return ""


def minor(version: str) -> str:
    """Return the minor version: "3.11" of "3.11.7"."""
    return ".".join(version.split(".")[:2])
