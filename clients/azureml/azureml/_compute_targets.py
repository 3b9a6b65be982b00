"""The compute targets of a workspace by name."""

from __future__ import annotations

from typing import Any

from azureml._compute import AmlCompute, pool_of


class ComputeTargets(dict[str, AmlCompute]):
    """Targets by the names of their pools, which are in lower case; each is found by the name that it was created with.

    Raises KeyError when there is none of that name.
    """

    def __missing__(self, name: str) -> AmlCompute:
        pool = _pool(name)
        if pool == name or not super().__contains__(pool):
            raise KeyError(name)
        return self[pool]

    def __contains__(self, name: object) -> bool:
        return super().__contains__(_pool(name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the target of that name, else `default`."""
        return super().get(_pool(name), default)


def _pool(name: Any) -> Any:
    return pool_of(name) if isinstance(name, str) and name else name
