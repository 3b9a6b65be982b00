"""An index whose certificate only this machine trusts: containers reach it, and images keep nothing of that."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition
from orris_images.container import Dockerfile
from orris_images.locking import lock_spec
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Spec
from tests.integration.images.containers import Maker
from tests.servers.certificates import certified
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.package_index import add_package
from tests.servers.web import web

pytestmark = [pytest.mark.needs("docker")]
VERSION = "import house_package; print(house_package.__version__)"
OTHERS = ("SSL_", "PIP_", "UV_", "REQUESTS_")


@dataclass
class Index:
    """An index at an address that containers reach, too."""

    url: str
    authority: Path


@pytest.fixture
def index(engine: Engine, tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "authority"
    folder.mkdir()
    authority, certificate, key = certified(engine.gateway, folder)
    add_package(tmp_path / "packages", "house_package")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with web(tmp_path / "packages", context=context, host=engine.gateway) as served:
        yield Index(f"{served.address}/simple", authority)


@pytest.fixture
def maker(engine: Engine, tmp_path: Path) -> Maker:
    made = Maker(tmp_path / "images", engine, None)
    settings = {"DOCKER_HOST": engine.host, "UV_CACHE_DIR": str(tmp_path / "uv")}
    made.builder._environ = {k: v for k, v in os.environ.items() if not k.startswith(OTHERS)} | settings
    return made


def trusted(maker: Maker, **settings: str) -> None:
    maker.builder._environ = {**maker.builder._environ, **settings}


@pytest.mark.parametrize("setting", ["SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT"])
def test_packages_are_installed_in_a_container_by_the_machines_certificates(
    maker: Maker, index: Index, setting: str
) -> None:
    place = index.authority.parent if setting == "SSL_CERT_DIR" else index.authority
    trusted(maker, **{setting: str(place)})
    maker.builder._host_python = lambda base: None  # type: ignore[method-assign]
    spec = Spec(packages=("house-package",), index_url=index.url)
    lock = lock_spec(spec, maker.pythons, UvResolver(maker.builder._environ), print)[0]
    reference = maker.build(lock)
    assert maker.run(reference, "python", "-c", VERSION) == "1.0"
    assert not holds(maker, reference, index.authority)
    maker.builder.delete(lock.image_id, reference)


IN_STAGES = f"""
FROM {BASE_IMAGE} AS packages
ARG PIP_INDEX_URL
COPY certificates.orris.pem /certificates.pem
RUN python3 -m venv /opt/theirs && PIP_CERT=/certificates.pem /opt/theirs/bin/pip install house-package
FROM {BASE_IMAGE}
COPY --from=packages /opt/theirs /opt/theirs
"""


def test_a_dockerfile_can_use_index_and_certificates_without_leaving_them_in_the_image(
    maker: Maker, index: Index
) -> None:
    trusted(maker, PIP_INDEX_URL=index.url, SSL_CERT_FILE=str(index.authority))
    spec = Spec(dockerfile=Dockerfile(IN_STAGES, interpreter="/opt/theirs/bin/python"))
    lock = lock_spec(spec, maker.pythons, maker.resolver, print)[0]
    reference = maker.build(lock)
    assert maker.run(reference, "python", "-c", VERSION) == "1.0"
    assert not holds(maker, reference, index.authority)
    assert index.url not in str(maker.engine.client.images.get(reference).history())
    maker.builder.delete(lock.image_id, reference)


def test_who_does_not_name_the_certificates_does_not_copy_them(maker: Maker, index: Index) -> None:
    trusted(maker, SSL_CERT_FILE=str(index.authority))
    text = f"FROM {BASE_IMAGE}\nCOPY . /all/\n"
    lock = lock_spec(Spec(dockerfile=Dockerfile(text)), maker.pythons, maker.resolver, print)[0]
    reference = maker.build(lock)
    assert "Dockerfile.orris" in maker.run(reference, "ls", "/all")
    assert not holds(maker, reference, index.authority)


def test_without_them_the_index_is_not_trusted(maker: Maker, index: Index) -> None:
    text = IN_STAGES.replace("COPY certificates.orris.pem /certificates.pem\n", "").replace(
        "PIP_CERT=/certificates.pem", ""
    )
    trusted(maker, PIP_INDEX_URL=index.url, SSL_CERT_FILE=str(index.authority), PIP_RETRIES="0")
    spec = Spec(dockerfile=Dockerfile(text, interpreter="/opt/theirs/bin/python"))
    lock = lock_spec(spec, maker.pythons, maker.resolver, print)[0]
    with pytest.raises(FailedPrecondition, match="house-package"):
        maker.build(lock)
    assert any("certificate" in line.lower() for line in maker.log)


def holds(maker: Maker, image: str, authority: Path) -> bool:
    """Tell whether any layer of an image, or what is written about it, has the authority in it."""
    needle = authority.read_bytes().splitlines()[1]
    return needle in b"".join(maker.engine.client.images.get(image).save())
