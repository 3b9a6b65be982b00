"""The images service with conda channels, and without them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, InvalidArgument
from orris.images.v1 import images_pb2
from orris.images.v1 import images_service_pb2 as pb
from orris_agent.runtimes.process.environments import VirtualEnvironments
from orris_kit.conda_channels import CondaChannels
from tests.integration.images.serving import PARENT, Build, Service, Spec
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.web import web

FILE = "channels: [lab]\ndependencies: [python, nest=7]\n"


@pytest.fixture
def conda(conda_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORRIS_IMAGES_CONDA_CHANNELS", str(conda_lab))
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "cache"))
    return conda_lab


async def register(service: Service, conda_yaml: str) -> images_pb2.Environment:
    request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="a", spec=Spec(conda_yaml=conda_yaml))
    made: images_pb2.Environment = (await service.user.CreateEnvironment(request)).environment
    return made


async def built(service: Service, conda_yaml: str) -> tuple[str, images_pb2.Build]:
    environment = await register(service, conda_yaml)
    return await service.follow(await service.build(environment.name))


async def image_of(service: Service, build: images_pb2.Build) -> images_pb2.Image:
    made: images_pb2.Image = (await service.user.GetImage(pb.GetImageRequest(name=build.image))).image
    return made


def run(python: Path, code: str) -> str:
    return subprocess.check_output([python, "-c", code], text=True).strip()


def said(home: Path, image: images_pb2.Image, code: str) -> str:
    python = home / "environments" / image.name.rpartition("/")[2] / "bin" / "python"
    return run(python, code)


async def test_an_environment_is_made_of_conda_packages(conda: Path, tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        log, build = await built(service, FILE)
        assert build.state == Build.STATE_SUCCEEDED, log
        image = await image_of(service, build)
        assert said(tmp_path, image, "import nest; print(nest.__version__)") == "7.0.1"
        assert [one.name for one in image.lock.conda_packages] == ["nest", "python"]
        assert {one.channel for one in image.lock.conda_packages} == {"lab"}
        assert "resolving 2 conda packages in lab" in log
        again = await service.build(build.environment)
        assert (again.cached, again.image) == (True, build.image)


async def test_a_strict_python_is_not_looked_for_on_the_machine(conda: Path, tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        spec = Spec(conda_yaml=FILE.replace("python", "python=3.99"), strict=True)
        request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="a", spec=spec)
        environment = (await service.user.CreateEnvironment(request)).environment
        _, build = await service.follow(await service.build(environment.name))
        assert (build.state, "is not in the conda channels" in build.error) == (Build.STATE_FAILED, True)


async def test_what_was_locked_in_channels_is_made_again_after_a_restart(conda: Path, tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        _, build = await built(service, FILE)
        image = await image_of(service, build)
    folder = tmp_path / "environments" / image.name.rpartition("/")[2]
    folder.rename(tmp_path / "gone")
    async with Service(tmp_path) as service:
        log, again = await service.follow(await service.build(build.environment))
        assert (again.image, "resolving" in log) == (build.image, False), log
        assert said(tmp_path, image, "import nest; print(nest.__version__)") == "7.0.1"


@pytest.mark.needs("pypi")
async def test_packages_are_added_on_top(conda: Path, tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        _, build = await built(service, FILE)
        overlay = Spec.Overlay(image=build.image, pip_packages=["pygments==2.18.0"])
        request = pb.CreateBuildRequest(parent=PARENT, overlay=overlay)
        _, above = await service.follow((await service.service.CreateBuild(request)).build)
        image = await image_of(service, above)
        assert said(tmp_path, image, "import nest, pygments; print(pygments.__version__)") == "2.18.0"


@pytest.mark.needs("docker", "pypi")
async def test_a_container_image_has_them_at_its_own_place(
    conda: Path, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"DOCKER_HOST": engine.host, "ORRIS_IMAGES_BUILDER": "oci", "ORRIS_IMAGES_BASE_IMAGE": BASE_IMAGE}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    async with Service(tmp_path) as service:
        log, build = await built(service, FILE.replace("nest=7", "nest=7, {pip: [pygments==2.18.0]}"))
        assert build.state == Build.STATE_SUCCEEDED, log
        image = await image_of(service, build)
    commands = ["sh", "-c", "prefix-of-python && nest && pygmentize -V"]
    output = engine.client.containers.run(image.reference, commands, remove=True, network_disabled=True).decode()
    assert output.splitlines()[:2] == ["/opt/orris/environment", "7.0.1"]
    assert "version 2.18.0" in output


@pytest.mark.needs("pypi")
async def test_an_agent_elsewhere_makes_it_from_the_lock_alone(
    conda: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web(conda, "ada:s3cret") as server:
        monkeypatch.setenv("ORRIS_IMAGES_CONDA_CHANNELS", server.with_credentials("ada:s3cret"))
        async with Service(tmp_path) as service:
            log, build = await built(service, FILE.replace("nest=7", "nest=7, {pip: [pygments==2.18.0]}"))
            image = await image_of(service, build)
        assert "s3cret" not in log + str(image)
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "other"))
    with pytest.raises(FailedPrecondition, match="no address of it is configured here"):
        await VirtualEnvironments(tmp_path / "agent").make(image, print)
    lines = list[str]()
    agent = VirtualEnvironments(tmp_path / "agent", channels=CondaChannels.parse(str(conda), "TEST"))
    python = await agent.make(image, lines.append)
    code = "import nest, pygments; print(nest.__version__, pygments.__version__)"
    assert run(python, code) == "7.0.1 2.18.0"
    assert any(line.startswith("downloading nest-7.0.1") for line in lines)


@pytest.mark.needs("pypi")
async def test_without_channels_conda_names_are_those_of_pypi_and_the_log_says_so(tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        log, build = await built(service, "channels: [lab]\ndependencies: [iniconfig=2.0.0=py_0]\n")
        assert build.state == Build.STATE_SUCCEEDED, log
        assert "no conda channels are configured" in log
        assert not (await image_of(service, build)).lock.conda_packages


async def test_a_setting_that_is_no_address_ends_the_start_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRIS_IMAGES_CONDA_CHANNELS", "ftp://ada:s3cret@conda.example.org")
    with pytest.raises(InvalidArgument, match="ORRIS_IMAGES_CONDA_CHANNELS: entry 1") as caught:
        async with Service(tmp_path):
            pass
    assert "s3cret" not in caught.value.message


async def test_channels_without_rattler_end_the_start_and_say_what_to_install(
    conda: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FailedPrecondition, match=r"pip install 'orris-kit\[conda\]'"):
        async with Service(tmp_path):
            pass
