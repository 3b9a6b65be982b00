"""What versions keep: noted before it may be too much, put right in any case."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from orris.errors import FailedPrecondition, Unavailable
from orris_models.keeping import Keeping
from orris_models.model import Conversion, State
from orris_models.ports import Built, File
from tests.unit.models.test_core import TREE, Registry, registry

__all__ = ["registry"]
GRAPH = f"workspaces/lab/trees/{'b' * 64}"
IMAGE = "workspaces/lab/images/i1"
KEY = ("lab", "iris", 1)
OWNER = "workspaces/lab/models/iris/versions/1"


class FakeArtifacts:
    """References in memory; `down`: they cannot be changed."""

    def __init__(self) -> None:
        self.references: dict[str, Sequence[str]] = {}
        self.down = False

    async def set_reference(self, workspace: str, owner: str, trees: Sequence[str]) -> None:
        await self._up()
        self.references[owner] = trees

    async def delete_reference(self, workspace: str, owner: str) -> None:
        await self._up()
        self.references.pop(owner, None)

    async def _up(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("down")

    async def files(self, tree: str, path: str = "", limit: int | None = None) -> list[File]:
        raise NotImplementedError

    async def create_tree(self, workspace: str, files: Mapping[str, File]) -> str:
        raise NotImplementedError

    async def upload(self, workspace: str, contents: Mapping[str, bytes]) -> dict[str, File]:
        raise NotImplementedError

    async def read(self, workspace: str, file: File) -> bytes:
        raise NotImplementedError


class FakeImages:
    """References in memory, to all images but those in `missing`."""

    def __init__(self) -> None:
        self.references: dict[str, Sequence[str]] = {}
        self.missing: set[str] = set()

    async def set_reference(self, workspace: str, owner: str, images: Sequence[str]) -> None:
        if self.missing & set(images):
            raise FailedPrecondition("not there", reason="TARGET_MISSING")
        self.references[owner] = images

    async def delete_reference(self, workspace: str, owner: str) -> None:
        self.references.pop(owner, None)

    async def package_version(self, image: str, package: str) -> str:
        raise NotImplementedError

    async def begin_overlay(self, image: str, packages: Sequence[str]) -> str:
        raise NotImplementedError

    async def build_overlay(self, image: str, packages: Sequence[str], request_id: str) -> Built:
        raise NotImplementedError


@pytest.fixture
def artifacts() -> FakeArtifacts:
    return FakeArtifacts()


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture
def keeping(registry: Registry, artifacts: FakeArtifacts, images: FakeImages) -> Keeping:
    return Keeping(registry.core, artifacts, images)


VERIFIED = Conversion(State.VERIFIED, "equal", onnx_tree=GRAPH)


async def test_what_is_right_is_left_alone(registry: Registry, keeping: Keeping, artifacts: FakeArtifacts) -> None:
    """Also when its commit was not heard of: who tries again finds the version, and its files."""
    registry.add()
    artifacts.references[OWNER] = [TREE]
    assert await keeping.put_right(KEY)
    assert artifacts.references == {OWNER: [TREE]}


async def test_a_number_that_was_not_committed_keeps_nothing(
    registry: Registry, keeping: Keeping, artifacts: FakeArtifacts
) -> None:
    await keeping.keep(("lab", "iris", registry.core.reserve("lab", "iris")), registry.add("other").content)
    assert await keeping.put_right(KEY)
    assert artifacts.references == {}
    assert registry.core.loose_references() == []


async def test_what_cannot_be_released_stays_noted(
    registry: Registry, keeping: Keeping, artifacts: FakeArtifacts
) -> None:
    registry.add()
    artifacts.references[OWNER] = [TREE]
    registry.core.delete(*KEY)
    artifacts.down = True
    assert not await keeping.put_right(KEY)
    artifacts.down = False
    assert await keeping.put_right(KEY)
    assert artifacts.references == {}


async def test_a_graph_is_kept_with_its_model(registry: Registry, keeping: Keeping, artifacts: FakeArtifacts) -> None:
    version = registry.add()
    async with keeping.with_graph(version, GRAPH):
        assert registry.core.loose_references() == [KEY]
        assert registry.core.set_conversion(version, VERIFIED)
    assert artifacts.references == {OWNER: [TREE, GRAPH]}
    assert registry.core.loose_references() == []


async def test_a_graph_that_was_not_recorded_is_released_after_the_next_start(
    registry: Registry, keeping: Keeping, artifacts: FakeArtifacts
) -> None:
    version = registry.add()
    async with keeping.with_graph(version, GRAPH):
        pass  # killed here
    assert artifacts.references == {OWNER: [TREE, GRAPH]}
    assert await keeping.put_right(KEY)
    assert artifacts.references == {OWNER: [TREE]}


async def test_a_version_that_is_deleted_while_its_graph_comes_keeps_nothing(
    registry: Registry, keeping: Keeping, artifacts: FakeArtifacts
) -> None:
    version = registry.add()
    artifacts.references[OWNER] = [TREE]

    async def delete() -> None:
        registry.core.delete(*KEY)
        assert await keeping.put_right(KEY)

    async with keeping.with_graph(version, GRAPH):
        deleting = asyncio.create_task(delete())
        await asyncio.sleep(0)  # it has begun, and waits for its turn
        assert not registry.core.set_conversion(version, VERIFIED)
    await deleting
    async with keeping.with_graph(version, GRAPH):
        assert not registry.core.set_conversion(version, VERIFIED)
    assert artifacts.references == {}
    assert registry.core.loose_references() == []


async def test_putting_right_does_not_take_a_graph_that_is_recorded_meanwhile(
    registry: Registry, keeping: Keeping, artifacts: FakeArtifacts
) -> None:
    version = registry.add()
    registry.core.loosen(*KEY)  # noted before a restart
    async with keeping.with_graph(version, GRAPH):
        putting_right = asyncio.create_task(keeping.put_right(KEY))
        await asyncio.sleep(0)
        registry.core.set_conversion(version, VERIFIED)
    assert await putting_right
    assert artifacts.references == {OWNER: [TREE, GRAPH]}


async def test_an_image_is_kept_as_long_as_its_model(registry: Registry, keeping: Keeping, images: FakeImages) -> None:
    content = registry.add(image=IMAGE).content
    await keeping.keep(KEY, content)
    assert images.references == {OWNER: [IMAGE]}
    registry.core.delete(*KEY)
    assert await keeping.put_right(KEY)
    assert images.references == {OWNER: []}


async def test_a_model_whose_image_was_deleted_is_kept_all_the_same(
    registry: Registry, keeping: Keeping, artifacts: FakeArtifacts, images: FakeImages
) -> None:
    images.missing.add(IMAGE)
    images.references[OWNER] = ["another"]
    await keeping.keep(KEY, registry.add(image=IMAGE).content)
    assert artifacts.references == {OWNER: [TREE]}
    assert images.references == {}
