"""The images service with container images, as its clients see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris.images.v1 import images_service_pb2 as pb
from tests.integration.images.containers import delete_from
from tests.integration.images.serving import Build, Service
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.registry import Registry

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("registry"), pytest.mark.needs("pypi")]


@pytest.fixture
def settings(engine: Engine, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    variables = {"DOCKER_HOST": engine.host, "ORRIS_IMAGES_BUILDER": "oci", "ORRIS_IMAGES_BASE_IMAGE": BASE_IMAGE}
    for name, value in {**variables, **registry.environment("ORRIS_IMAGES")}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


async def image_of(service: Service, build: Build) -> pb.GetImageResponse:
    answer: pb.GetImageResponse = await service.user.GetImage(pb.GetImageRequest(name=build.image))
    return answer


async def test_an_environment_becomes_a_container_image(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        environment = await service.register("a", "six==1.16.0")
        log, ended = await service.follow(await service.build(environment.name))
        assert ended.state == Build.STATE_SUCCEEDED, log
        assert ended.progress_percent == 100
        image = (await image_of(service, ended)).image
        assert "/orris/environments@sha256:" in image.reference
        assert image.size > 1_000_000


async def test_what_was_built_is_answered_with_neither_engine_nor_registry(
    settings: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with Service(tmp_path) as service:
        name = (await service.register("a", "six==1.16.0")).name
        await service.follow(await service.build(name))
    settings.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    async with Service(tmp_path) as service:
        assert (await service.build(name)).cached


async def test_an_engine_that_is_away_fails_the_build_and_says_so(settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    async with Service(tmp_path) as service:
        environment = await service.register("a", "six==1.16.0")
        _, ended = await service.follow(await service.build(environment.name))
        assert ended.state == Build.STATE_FAILED
        assert "DOCKER_HOST" in ended.error


async def test_an_image_that_the_registry_lost_is_made_again(
    settings: pytest.MonkeyPatch, registry: Registry, tmp_path: Path
) -> None:
    async with Service(tmp_path) as service:
        environment = await service.register("a", "six==1.10.0")
        _, ended = await service.follow(await service.build(environment.name))
        reference = (await image_of(service, ended)).image.reference
        restore = pb.RestoreImageRequest(name=ended.image)
        assert (await service.service.RestoreImage(restore)).build.state == Build.STATE_SUCCEEDED
        delete_from(registry, reference)
        log, again = await service.follow((await service.service.RestoreImage(restore)).build)
        assert again.state == Build.STATE_SUCCEEDED, log
        assert "made again" in log
        assert (await image_of(service, ended)).image.reference == reference
