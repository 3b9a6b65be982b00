"""The images service with container images, as its clients see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orris.images.v1 import images_pb2
from orris.images.v1 import images_service_pb2 as pb
from orris_images import schema
from orris_kit.database import open_database, write
from tests.integration.images.containers import delete_from
from tests.integration.images.serving import PARENT, Build, Service
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


async def test_what_nobody_has_used_for_long_is_collected_from_engine_and_registry(
    settings: pytest.MonkeyPatch, engine: Engine, registry: Registry, tmp_path: Path
) -> None:
    """But not what somebody refers to; what is collected comes back as the same image."""
    collect = pb.CollectImagesRequest(parent=PARENT)
    async with Service(tmp_path) as service:
        builds = {}
        for name, package in (("kept", "six==1.5.2"), ("left", "six==1.6.1")):
            environment = await service.register(name, package)
            builds[name] = (await service.follow(await service.build(environment.name)))[1]
        needed = images_pb2.Reference(owner=f"{PARENT}/models/iris/versions/1", images=[builds["kept"].image])
        await service.service.SetReference(pb.SetReferenceRequest(parent=PARENT, reference=needed))
        references = {name: (await image_of(service, build)).image.reference for name, build in builds.items()}
        assert not (await service.user.CollectImages(collect)).images
        url = service.settings.database_url
    age_all_images(url)
    async with Service(tmp_path) as service:
        assert [each.name for each in (await service.user.CollectImages(collect)).images] == [builds["left"].image]
        assert (await image_of(service, builds["left"])).image.HasField("collect_time")
        assert status_of(registry, references["left"]) == 404
        assert status_of(registry, references["kept"]) == 200
        left, kept = (made_for(engine, builds[name].image) for name in ("left", "kept"))
        assert (left, len(kept)) == ([], 1)
        log, again = await service.follow(await service.build(builds["left"].environment))
        assert (again.state, again.image) == (Build.STATE_SUCCEEDED, builds["left"].image), log
        assert (await image_of(service, again)).image.reference == references["left"]


def age_all_images(url: str) -> None:
    """Let it be long ago that images were used."""
    database = open_database(url, "orris_images", schema.metadata)
    with write(database) as connection:
        connection.execute(schema.images.update().values(use_time=datetime.now(UTC) - timedelta(days=40)))
    database.dispose()


def status_of(registry: Registry, reference: str) -> int:
    path = f"orris/environments/manifests/{reference.partition('@')[2]}"
    return registry.get(path, "application/vnd.oci.image.manifest.v1+json").status_code


def made_for(engine: Engine, image: str) -> list[str]:
    """Return the images of the engine that were made for one of ours."""
    label = f"io.orris.image={image.rpartition('/')[2]}"
    return [str(each.id) for each in engine.client.images.list(filters={"label": label})]
