"""From a specification to an image, over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orris.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
)
from orris.images.v1 import images_service_pb2 as pb
from orris_kit import virtualenv
from tests.integration.images.serving import PARENT, Build, Service, Spec

SMALL = ("six==1.16.0",)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    async with Service(tmp_path_factory.mktemp("home")) as running:
        yield running


async def test_the_whole_story(service: Service) -> None:
    """Register, build, follow the log, get the image; asked again it is there, and nothing is built."""
    environment = await service.register("small", *SMALL, environment_variables={"A": "1"})
    assert environment.name == f"{PARENT}/environments/small/versions/1"
    log, build = await service.follow(await service.build(environment.name))
    assert (build.state, build.cached, build.error) == (Build.STATE_SUCCEEDED, False, "")
    assert build.environment == environment.name
    lines = log.splitlines()
    assert lines[0] == f"environment {environment.name}"
    assert lines[1].startswith("Python 3.")
    assert "six==1.16.0" in log
    image = (await service.user.GetImage(pb.GetImageRequest(name=build.image))).image
    assert [(one.name, one.version) for one in image.lock.packages] == [("six", "1.16.0")]
    assert virtualenv.is_ready(service.settings.environments_path / build.image.rpartition("/")[2])
    again = await service.build(f"{PARENT}/environments/small")
    assert (again.name, again.state, again.cached) == (build.name, Build.STATE_SUCCEEDED, True)
    assert again.environment == environment.name
    assert (await service.follow(again))[0] == log
    found = (await service.reader.GetEnvironment(pb.GetEnvironmentRequest(name=environment.name))).environment
    assert (found.image, dict(found.spec.environment_variables)) == (build.image, {"A": "1"})
    images = (await service.user.ListImages(pb.ListImagesRequest(parent=PARENT))).images
    assert build.image in [one.name for one in images]


async def test_another_environment_of_the_same_packages_has_the_same_image(service: Service) -> None:
    first = (await service.follow(await service.build((await service.register("one", *SMALL)).name)))[1]
    second = await service.build((await service.register("two", *SMALL)).name)
    assert (second.state, second.cached, second.image) == (Build.STATE_SUCCEEDED, True, first.image)
    assert second.environment == f"{PARENT}/environments/two/versions/1"
    assert "another environment asks for the same" in (await service.follow(second))[0]


async def test_who_asks_at_the_same_time_gets_the_same_build(service: Service) -> None:
    environment = await service.register("shared", "pytest-mock==3.12.0")
    builds = await asyncio.gather(*(service.build(environment.name) for _ in range(8)))
    assert len({one.name for one in builds}) == 1
    logs = await asyncio.gather(*(service.follow(one) for one in builds))
    assert len({log for log, _ in logs}) == 1


async def test_a_vanished_folder_is_made_again_from_the_kept_lock(service: Service) -> None:
    environment = await service.register("vanishing", "six==1.15.0")
    _, build = await service.follow(await service.build(environment.name))
    (service.settings.environments_path / build.image.rpartition("/")[2] / virtualenv.MARKER).unlink()
    log, again = await service.follow(await service.build(environment.name))
    assert again.image == build.image
    assert again.name != build.name
    assert "the lock is kept" in log
    assert "resolving" not in log
    log, refreshed = await service.follow(await service.build(environment.name, refresh=True))
    assert "resolving" in log
    assert refreshed.image == build.image


async def test_a_broken_specification_shows_the_resolvers_own_reason(service: Service) -> None:
    environment = await service.register("broken", "six==1.16.0", "six<1")
    log, build = await service.follow(await service.build(environment.name))
    assert build.state == Build.STATE_FAILED
    assert "six==1.16.0" in build.error
    assert "unsatisfiable" in build.error
    assert f"ERROR: {build.error}" in log
    assert build.image == ""


async def test_curated_environments_are_there_without_being_registered(service: Service) -> None:
    found = await service.user.GetEnvironment(pb.GetEnvironmentRequest(name=f"{PARENT}/environments/orris-sklearn"))
    assert found.environment.curated
    assert found.environment.name.endswith("/versions/1")
    for name in ("orris-sklearn", "AzureML-Mine", "microsoft-x"):
        with pytest.raises(InvalidArgument) as caught:
            await service.register(name, "six")
        assert caught.value.reason == "RESERVED_NAME"


async def test_a_strict_environment_whose_python_is_absent_is_refused_at_once(service: Service) -> None:
    spec = Spec(packages=Spec.Packages(python_version="3.99"), strict=True)
    request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="strict", spec=spec)
    environment = (await service.user.CreateEnvironment(request)).environment
    with pytest.raises(FailedPrecondition, match=r"uv python install 3\.99") as caught:
        await service.build(environment.name)
    assert caught.value.reason == "INTERPRETER_NOT_FOUND"


async def test_a_user_managed_interpreter_is_never_run(service: Service, tmp_path: Path) -> None:
    interpreter, witness = tmp_path / "python", tmp_path / "was run"
    interpreter.write_text(f"#!/bin/sh\ntouch '{witness}'\n")
    interpreter.chmod(0o755)
    spec = Spec(user_managed=Spec.UserManaged(interpreter=str(interpreter)))
    request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="mine", spec=spec)
    build = await service.build((await service.user.CreateEnvironment(request)).environment.name)
    assert (build.state, build.cached) == (Build.STATE_SUCCEEDED, False)
    image = (await service.user.GetImage(pb.GetImageRequest(name=build.image))).image
    assert image.lock.interpreter == str(interpreter)
    assert (await service.build(build.environment)).cached
    assert not witness.exists()


async def test_an_overlay_adds_packages_and_is_for_services(service: Service) -> None:
    base = (await service.follow(await service.build((await service.register("base", "six==1.14.0")).name)))[1]
    overlay = Spec.Overlay(image=base.image, pip_packages=["pytest-mock==3.12.0"])
    request = pb.CreateBuildRequest(parent=PARENT, overlay=overlay)
    with pytest.raises(PermissionDenied):
        await service.user.CreateBuild(request)
    _, build = await service.follow((await service.service.CreateBuild(request)).build)
    image = (await service.user.GetImage(pb.GetImageRequest(name=build.image))).image
    assert {"six": "1.14.0", "pytest-mock": "3.12.0"}.items() <= {
        p.name: p.version for p in image.lock.packages
    }.items()
    assert (await service.service.CreateBuild(request)).build.cached
    other = pb.CreateBuildRequest(parent="workspaces/other", overlay=overlay)
    with pytest.raises(InvalidArgument):
        await service.service.CreateBuild(other)


async def test_an_environment_gets_more_for_services_and_stays_what_it_is(service: Service) -> None:
    name = (await service.register("more", "six==1.13.0")).name
    addition = pb.CreateBuildRequest.Addition(pip_packages=["packaging==24.2"])
    request = pb.CreateBuildRequest(parent=PARENT, environment=name, addition=addition)
    with pytest.raises(PermissionDenied):
        await service.user.CreateBuild(request)
    _, build = await service.follow((await service.service.CreateBuild(request)).build)
    image = (await service.user.GetImage(pb.GetImageRequest(name=build.image))).image
    assert [(each.name, each.version) for each in image.lock.packages] == [("packaging", "24.2"), ("six", "1.13.0")]
    assert build.environment == name
    assert (await service.service.CreateBuild(request)).build.cached
    found = await service.user.GetEnvironment(pb.GetEnvironmentRequest(name=name))
    assert found.environment.image == ""
    addition.pip_packages[:] = ["six==1.16.0"]
    request = pb.CreateBuildRequest(parent=PARENT, environment=name, addition=addition)
    with pytest.raises(FailedPrecondition, match=r"asks for six==1\.13\.0") as refused:
        await service.service.CreateBuild(request)
    assert refused.value.reason == "PACKAGE_CONFLICT"
    addition.pip_packages[:] = ["six"]
    request = pb.CreateBuildRequest(parent=PARENT, environment=name, addition=addition)
    with pytest.raises(InvalidArgument, match="must be pinned"):
        await service.service.CreateBuild(request)


async def test_a_specification_that_cannot_be_read_names_the_place(service: Service) -> None:
    for spec, field in (
        (Spec(conda_yaml="dependencies: [1, {pip: ['a b']}]"), "spec.conda_yaml.dependencies[1].pip[0]"),
        (Spec(requirements="six\n-e ."), "spec.requirements:2"),
        (Spec(packages=Spec.Packages(pip_packages=["six", "!"])), "spec.packages.pip_packages[1]"),
        (Spec(packages=Spec.Packages(python_version="two")), "spec.python"),
        (Spec(), "spec"),
    ):
        request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="bad", spec=spec)
        with pytest.raises(InvalidArgument) as caught:
            await service.user.CreateEnvironment(request)
        assert caught.value.reason == "INVALID_SPEC"
        assert [one.field for one in caught.value.violations] == [field]


async def test_variables_of_a_conda_file_are_those_of_the_environment(service: Service) -> None:
    spec = Spec(conda_yaml="dependencies: [six]\nvariables: {A: '1', B: '2'}", environment_variables={"B": "3"})
    request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="variables", spec=spec)
    made = (await service.user.CreateEnvironment(request)).environment
    assert dict(made.spec.environment_variables) == {"A": "1", "B": "3"}
    assert (await service.user.CreateEnvironment(request)).environment.name == made.name


async def test_a_log_is_read_from_any_offset(service: Service) -> None:
    build = await service.build((await service.register("logged", *SMALL)).name)
    whole, build = await service.follow(build)
    assert (await service.follow(build, 10))[0] == whole[10:]
    assert (await service.follow(build, len(whole)))[0] == ""
    with pytest.raises(OutOfRange):
        await service.follow(build, len(whole) + 1)
    with pytest.raises(NotFound):
        await service.follow(Build(name=f"{PARENT}/builds/none"))


async def test_lists_come_in_pages(service: Service) -> None:
    for version in ("1.13.0", "1.14.0", "1.15.0"):
        await service.register("paged", f"six=={version}")
    parent, token, seen = f"{PARENT}/environments/paged", "", []
    while True:
        request = pb.ListEnvironmentsRequest(parent=parent, page_size=2, page_token=token)
        page = await service.user.ListEnvironments(request)
        seen += [one.name.rpartition("/")[2] for one in page.environments]
        token = page.next_page_token
        if not token:
            break
    assert seen == ["3", "2", "1"]
    all_names = (await service.user.ListEnvironments(pb.ListEnvironmentsRequest(parent=PARENT))).environments
    names, token = [], ""
    while True:
        page = await service.user.ListEnvironments(
            pb.ListEnvironmentsRequest(parent=PARENT, page_size=3, page_token=token)
        )
        names += [one.name for one in page.environments]
        token = page.next_page_token
        if not token:
            break
    assert names == [one.name for one in all_names]
    assert names == sorted(names)
    assert {one.rpartition("/versions")[0] for one in names} >= {f"{PARENT}/environments/orris-sklearn", parent}
    builds, token = list[str](), ""
    while True:
        answer = await service.user.ListBuilds(pb.ListBuildsRequest(parent=PARENT, page_size=2, page_token=token))
        builds += [one.name for one in answer.builds]
        token = answer.next_page_token
        if not token:
            break
    assert len(builds) == len(set(builds)) > 2
    with pytest.raises(InvalidArgument):
        await service.user.ListImages(pb.ListImagesRequest(parent=PARENT, page_token="x"))
