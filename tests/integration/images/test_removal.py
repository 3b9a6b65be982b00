"""Images that are deleted, collected, lost and made again, over the wire, with real virtual environments."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from orris.images.v1 import images_pb2
from orris.images.v1 import images_service_pb2 as pb
from orris_kit import virtualenv
from tests.integration.images.serving import PARENT, Build, Service

OWNER = f"{PARENT}/models/iris/versions/1"


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with Service(tmp_path_factory.mktemp("home")) as running:
        yield running


async def made(service: Service, package: str) -> Build:
    environment = await service.register(package.partition("==")[0], package)
    return (await service.follow(await service.build(environment.name)))[1]


def folder_of(service: Service, image: str) -> Path:
    return service.settings.environments_path / image.rpartition("/")[2]


async def test_a_lost_image_is_restored_and_one_that_is_there_is_left_alone(service: Service) -> None:
    build = await made(service, "six==1.16.0")
    request = pb.RestoreImageRequest(name=build.image)
    there = (await service.service.RestoreImage(request)).build
    assert (there.state, there.cached, there.image) == (Build.STATE_SUCCEEDED, True, build.image)
    shutil.rmtree(folder_of(service, build.image))
    log, restored = await service.follow((await service.service.RestoreImage(request)).build)
    assert (restored.state, restored.image, restored.environment) == (Build.STATE_SUCCEEDED, build.image, "")
    assert restored.progress_percent == 100
    assert "resolving" not in log
    assert virtualenv.is_ready(folder_of(service, build.image))
    with pytest.raises(NotFound):
        await service.user.RestoreImage(pb.RestoreImageRequest(name=f"{PARENT}/images/none"))
    with pytest.raises(PermissionDenied):
        await service.reader.RestoreImage(request)


async def test_a_deleted_image_takes_its_folder_along_and_comes_back_with_the_next_build(service: Service) -> None:
    build = await made(service, "six==1.15.0")
    request = pb.DeleteImageRequest(name=build.image)
    reference = images_pb2.Reference(owner=OWNER, images=[build.image])
    await service.service.SetReference(pb.SetReferenceRequest(parent=PARENT, reference=reference))
    shown = (await service.user.GetImage(pb.GetImageRequest(name=build.image))).image
    assert (list(shown.environments), list(shown.owners)) == ([build.environment], [OWNER])
    with pytest.raises(FailedPrecondition, match="models/iris"):
        await service.user.DeleteImage(request)
    with pytest.raises(PermissionDenied):
        await service.user.DeleteReference(pb.DeleteReferenceRequest(parent=PARENT, owner=OWNER))
    await service.service.DeleteReference(pb.DeleteReferenceRequest(parent=PARENT, owner=OWNER))
    await service.user.DeleteImage(request)
    assert not folder_of(service, build.image).exists()
    left = (await service.user.GetImage(pb.GetImageRequest(name=build.image))).image
    assert left.HasField("collect_time")
    assert left.lock == shown.lock
    log, again = await service.follow(await service.build(build.environment))
    assert again.image == build.image
    assert "the lock is kept" in log


async def test_only_what_was_not_used_lately_is_collected(service: Service) -> None:
    build = await made(service, "six==1.14.0")
    request = pb.CollectImagesRequest(parent=PARENT)
    assert not (await service.user.CollectImages(request)).images
    request.unused.FromSeconds(7199)
    with pytest.raises(InvalidArgument, match="2 hours"):
        await service.user.CollectImages(request)
    assert virtualenv.is_ready(folder_of(service, build.image))
    listed = (await service.user.ListImages(pb.ListImagesRequest(parent=PARENT))).images
    (image,) = [one for one in listed if one.name == build.image]
    assert image.use_time.seconds >= image.create_time.seconds > 0
    assert image.size > 0
