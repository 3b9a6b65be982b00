"""What a registration leaves behind, whatever becomes of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orris.errors import OrrisError
from orris_kit.context import Call, enter_call, remaining_seconds
from orris_kit.database import DatabaseUnavailable
from orris_models.core import Claim, Models
from orris_models.following import Follower
from orris_models.keeping import Keeping
from orris_models.model import Draft, Framework, Version
from orris_models.ports import File
from orris_models.registration import Registration
from tests.unit.models.test_core import TREE, Registry, registry
from tests.unit.models.test_keeping import KEY, OWNER, FakeArtifacts, FakeImages

__all__ = ["registry"]
CLAIM = Claim("lab", "iris", "request", b"payload")
DRAFT = Draft(tree=TREE, framework=Framework.CUSTOM)


class Artifacts(FakeArtifacts):
    """Those that have every tree."""

    async def files(self, tree: str, path: str = "", limit: int | None = None) -> list[File]:
        return [File("model.bin", 1, None)]


class Breaking:
    """The rules, on a connection that is lost while a version is committed: before it is durable, or after."""

    def __init__(self, models: Models, durable: bool) -> None:
        self._models = models
        self._durable = durable

    def __getattr__(self, rule: str) -> Any:
        return getattr(self._models, rule)

    def commit(self, claim: Claim, number: int, draft: Draft) -> Version:
        if self._durable:
            self._models.commit(claim, number, draft)
        raise DatabaseUnavailable("lost")


def registration(models: Any, artifacts: FakeArtifacts) -> Registration:
    images, nobody = FakeImages(), None
    return Registration(models, Keeping(models, artifacts, images), artifacts, images, nobody)  # type: ignore[arg-type]


async def test_a_version_whose_commit_was_not_heard_of_keeps_its_files(registry: Registry) -> None:
    artifacts = Artifacts()
    with pytest.raises(DatabaseUnavailable):
        await registration(Breaking(registry.core, durable=True), artifacts).register(CLAIM, DRAFT, "")
    assert artifacts.references == {OWNER: [TREE]}
    assert registry.core.loose_references() == []
    assert (await registration(registry.core, artifacts).register(CLAIM, DRAFT, "")).name == OWNER


async def test_a_version_that_was_not_committed_keeps_nothing(registry: Registry) -> None:
    artifacts = Artifacts()
    with pytest.raises(DatabaseUnavailable):
        await registration(Breaking(registry.core, durable=False), artifacts).register(CLAIM, DRAFT, "")
    assert artifacts.references == {}
    assert registry.core.loose_references() == []


async def test_what_cannot_be_put_right_at_once_is_put_right_in_the_background(registry: Registry) -> None:
    """Also when the call that caused it has no time left."""
    times: list[float | None] = []

    class Slow(Artifacts):
        async def delete_reference(self, workspace: str, owner: str) -> None:
            times.append(remaining_seconds())
            self.down = len(times) == 1
            await super().delete_reference(workspace, owner)

    artifacts = Slow()
    keeping = Keeping(registry.core, artifacts, FakeImages())
    registry.add()
    await keeping.keep(KEY, DRAFT)
    registry.core.delete(*KEY)
    enter_call(Call("DeleteModelVersion", "id", deadline=0.0))
    await keeping.let_go(KEY)
    assert artifacts.references == {OWNER: [TREE]}
    await asyncio.gather(*keeping._tasks)
    assert (artifacts.references, times) == ({}, [0.0, None])


async def test_a_graph_that_cannot_be_recorded_is_let_go(registry: Registry) -> None:
    artifacts = Artifacts()
    keeping = Keeping(registry.core, artifacts, FakeImages())
    version = registry.add()
    with pytest.raises(OrrisError):
        async with keeping.with_graph(version, f"workspaces/lab/trees/{'b' * 64}"):
            raise DatabaseUnavailable("away")
    await asyncio.gather(*keeping._tasks)
    assert artifacts.references == {OWNER: [TREE]}


async def test_a_conversion_has_more_time_than_the_call_that_registered_its_model(registry: Registry) -> None:
    times: list[float | None] = []

    class Converter:
        async def convert(self, version: Version) -> None:
            times.append(remaining_seconds())

    enter_call(Call("CreateModelVersion", "id", deadline=0.0))
    follower = Follower(registry.core, Converter(), 1)  # type: ignore[arg-type]
    follower.follow(registry.add())
    await asyncio.gather(*follower._tasks)
    assert times == [None]
