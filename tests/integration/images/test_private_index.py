"""Packages of a private index: the specification names it, the machine that builds knows how to get in."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.errors import InvalidArgument
from orris.images.v1 import images_service_pb2 as pb
from orris_kit import virtualenv
from tests.integration.images.serving import PARENT, Build, Service, Spec
from tests.servers.certificates import certified
from tests.servers.package_index import add_package
from tests.servers.web import Web, web

USER, PASSWORD = "ada", "s3cret-of-ada"
LOGIN = f"{USER}:{PASSWORD}"


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    add_package(folder, "house_package")
    return folder


@pytest.fixture(autouse=True)
def nothing_fetched_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))


@pytest.fixture
def index(packages: Path) -> Iterator[Web]:
    with web(packages, LOGIN) as served:
        yield served


def let_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Do what the operator of the machine does."""
    netrc = folder / "netrc"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))


async def build(service: Service, address: str, extra: str = "") -> tuple[str, Build]:
    text = f"--index-url {address}/simple\n{extra}house-package\n"
    request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="house", spec=Spec(requirements=text))
    environment = (await service.user.CreateEnvironment(request)).environment
    return await service.follow(await service.build(environment.name))


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_the_machines_netrc_opens_it_and_stays_there(
    index: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_in(monkeypatch, tmp_path)
    async with Service(tmp_path / "home") as service:
        log, made = await build(service, index.address)
        assert (made.state, made.error) == (Build.STATE_SUCCEEDED, "")
        image = (await service.user.GetImage(pb.GetImageRequest(name=made.image))).image
        assert image.lock.index_url == f"{index.address}/simple"
        assert [(each.name, each.version) for each in image.lock.packages] == [("house-package", "1.0")]
        folder = service.settings.environments_path / made.image.rpartition("/")[2]
        assert virtualenv.is_ready(folder)
    assert any(path.endswith(".whl") for path in index.paths)
    assert PASSWORD not in log
    assert PASSWORD.encode() not in everything_in(tmp_path / "home")


async def test_who_may_not_in_learns_what_to_do(index: Web, tmp_path: Path) -> None:
    async with Service(tmp_path / "home") as service:
        log, made = await build(service, index.address)
    assert made.state == Build.STATE_FAILED
    assert "netrc" in made.error
    assert "127.0.0.1" in made.error
    assert index.refused
    assert not index.paths
    assert f"ERROR: {made.error}" in log


@pytest.mark.parametrize(
    "spec",
    [
        Spec(requirements=f"--index-url https://{LOGIN}@packages.lab/simple\nsix"),
        Spec(requirements=f"--extra-index-url=https://{LOGIN}@packages.lab/simple\nsix"),
        Spec(requirements=f"https://{LOGIN}@packages.lab/six-1.0-py3-none-any.whl"),
        Spec(requirements=f"six @ https://{LOGIN}@packages.lab/six-1.0-py3-none-any.whl"),
        Spec(requirements=f"git+https://{LOGIN}@packages.lab/six.git"),
        Spec(requirements=f"-f https://{LOGIN}@packages.lab/six.git"),
        Spec(packages=Spec.Packages(pip_packages=[f"--index-url https://{LOGIN}@packages.lab/simple"])),
        Spec(packages=Spec.Packages(pip_packages=[f"{'six' * 25} @ https://{LOGIN}@packages.lab/six"])),
        Spec(packages=Spec.Packages(conda_packages=[f"https://{LOGIN}@conda.lab/forge::six"])),
        Spec(packages=Spec.Packages(conda_channels=[f"https://{LOGIN}@conda.lab/forge"])),
        Spec(conda_yaml=f"dependencies: [pip: ['--index-url https://{LOGIN}@packages.lab/simple']]"),
        Spec(conda_yaml=f"channels: [https://{LOGIN}@conda.lab/forge]\ndependencies: [six]"),
        Spec(conda_yaml=f"dependencies:\n- pip:\n  - --index-url https://{LOGIN}@packages.lab/simple\n  x: ["),
        Spec(base_image=f"https://{LOGIN}@registry.lab/base", requirements="six"),
        Spec(base_image=f"{LOGIN}@registry.lab/base:1", requirements="six"),
    ],
)
async def test_credentials_in_a_specification_are_refused_and_not_repeated(
    service: Service, spec: Spec, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        request = pb.CreateEnvironmentRequest(parent=PARENT, environment_id="leaky", spec=spec)
        await service.user.CreateEnvironment(request)
    told = f"{caught.value.message} {caught.value.violations} {caplog.text} {capfd.readouterr()}"
    assert "s3cret" not in told
    assert b"s3cret" not in everything_in(service.settings.home)


@pytest.fixture(scope="module")
async def service(tmp_path_factory: pytest.TempPathFactory) -> object:
    async with Service(tmp_path_factory.mktemp("home")) as running:
        yield running


async def test_an_index_with_a_certificate_of_the_machines_own_authority(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, certificate, key = certified("127.0.0.1", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with web(packages, context=context) as served:
        async with Service(tmp_path / "untrusting") as service:
            assert (await build(service, served.address))[1].state == Build.STATE_FAILED
        assert not served.paths
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        async with Service(tmp_path / "trusting") as service:
            _, made = await build(service, served.address)
            assert (made.state, made.error) == (Build.STATE_SUCCEEDED, "")
    assert any(path.endswith(".whl") for path in served.paths)


async def test_an_index_behind_a_proxy(packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody resolves `packages.invalid` but the proxy, which the settings of the machine name."""
    with web(packages) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy.address)
        async with Service(tmp_path / "home") as service:
            _, made = await build(service, "http://packages.invalid")
    assert (made.state, made.error) == (Build.STATE_SUCCEEDED, "")
    assert any(path.startswith("http://packages.invalid/simple/house-package/") for path in proxy.paths)


async def test_an_index_that_the_machine_is_set_up_for(
    index: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address is the machine's setting, credentials and all: the lock does not know it."""
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", index.with_credentials(LOGIN) + "/simple")
    async with Service(tmp_path / "home") as service:
        environment = await service.register("house", "house-package")
        log, made = await service.follow(await service.build(environment.name))
        assert (made.state, made.error) == (Build.STATE_SUCCEEDED, "")
    assert PASSWORD not in log
    assert PASSWORD.encode() not in everything_in(tmp_path / "home")
