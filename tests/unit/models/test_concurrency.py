"""Many at a time: every number is given once, and what is served stays."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from orris.errors import FailedPrecondition, NotFound
from tests.unit.models.test_core import Registry, registry
from tests.unit.threads import AT_ONCE, at_once, same

__all__ = ["registry"]
USER = "workspaces/lab/endpoints/iris-service"


def test_the_first_versions_of_a_model_have_numbers_of_their_own(registry: Registry) -> None:
    numbers = [version.number for version in same(registry.add)]
    assert sorted(numbers) == list(range(1, AT_ONCE + 1))


def test_the_same_request_is_one_version(registry: Registry) -> None:
    def add() -> str:
        return registry.add(request_id="request", payload=b"p").name

    assert len(set(same(add))) == 1


def test_a_version_is_either_deleted_or_in_use(registry: Registry) -> None:
    def tried(what: Callable[[], object]) -> bool:
        try:
            what()
        except (FailedPrecondition, NotFound):
            return False
        return True

    for _ in range(5):
        number = registry.add().number
        key = ("lab", "iris", number)
        delete, use = partial(registry.core.delete, *key), partial(registry.core.set_use, *key, USER, True)
        assert sorted(at_once([partial(tried, delete), partial(tried, use)])) == [False, True]


def test_changes_of_one_version_are_all_kept(registry: Registry) -> None:
    registry.add()
    at_once([partial(registry.update, set_tags={f"t{number}": "x"}) for number in range(AT_ONCE)])
    assert set(registry.core.get("lab", "iris", 1).content.tags) == {f"t{number}" for number in range(AT_ONCE)}
