"""Container images of other origin than wheels on the service's own base image."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path

import pytest

from orris.errors import Cancelled, FailedPrecondition
from orris.sdk.dockerfile import with_packages
from orris_images.conda import parse_conda
from orris_images.container import Dockerfile
from orris_images.lock import Lock
from orris_images.locking import lock_spec
from orris_images.resolve.conda import CondaResolver
from orris_images.resolve.either import EitherResolver
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Spec
from orris_kit.conda_channels import CondaChannels
from tests.integration.images.containers import Maker, blob_of, environ_of, manifest_of
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.package_index import add_package
from tests.servers.registry import Registry
from tests.servers.web import web

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("registry"), pytest.mark.needs("pypi")]
VERSION = "import six; print(six.__version__)"


@pytest.fixture
def maker(engine: Engine, registry: Registry, tmp_path: Path) -> Maker:
    return Maker(tmp_path / "images", engine, registry)


def of_dockerfile(maker: Maker, text: str, interpreter: str = "python3") -> Lock:
    spec = Spec(dockerfile=Dockerfile(text, interpreter=interpreter))
    return lock_spec(spec, maker.pythons, maker.resolver, print)[0]


def test_a_source_distribution_is_built_in_a_container(maker: Maker, registry: Registry) -> None:
    """docopt has no wheel. What was put into the container to reach the index is not in the image."""
    environ = {**environ_of(maker.engine), "UV_INDEX_OTHER_PASSWORD": "s3cret-of-an-index"}
    maker.builder._environ = environ
    resolver = UvResolver(environ, allow_source_builds=True)
    lock = lock_spec(Spec(packages=("docopt==0.6.2",)), maker.pythons, resolver, print)[0]
    assert lock.source_builds
    reference = maker.build(lock)
    assert maker.run(reference, "python", "-c", "import docopt; print(docopt.__version__)") == "0.6.2"
    layers = [blob_of(registry, one["digest"]) for one in manifest_of(registry, reference)["layers"]]
    assert not any(b"s3cret-of-an-index" in layer or b"BEGIN CERTIFICATE" in layer for layer in layers[1:])
    assert maker.engine.containers_of_builds() == []


def test_a_python_that_this_machine_does_not_have_installs_in_a_container(maker: Maker) -> None:
    maker.builder._host_python = lambda base: None  # type: ignore[method-assign]
    lock = maker.lock("six==1.11.0")
    assert maker.run(maker.build(lock), "python", "-c", VERSION) == "1.11.0"


def test_the_base_image_of_a_specification_is_pinned_and_used(maker: Maker, engine: Engine) -> None:
    engine.client.images.get(BASE_IMAGE).tag("orris-other-base", "1")
    lock = maker.lock("six==1.16.0", base_image="orris-other-base:1")
    assert lock.base_image == engine.client.images.get(BASE_IMAGE).id
    assert lock.image_id != maker.lock("six==1.16.0").image_id
    assert maker.run(maker.build(lock), "python", "-c", VERSION) == "1.16.0"


def test_an_interpreter_in_a_base_image_is_left_as_it_is(maker: Maker) -> None:
    """Found through a virtual environment it has that one's packages."""
    text = f"FROM {BASE_IMAGE}\nRUN python3 -m venv --system-site-packages /opt/theirs && touch /opt/theirs/mark\n"
    client = maker.engine.client
    client.images.build(fileobj=io.BytesIO(text.encode()), tag="orris-theirs:1", rm=True)
    lock = maker.lock(base_image="orris-theirs:1", interpreter="/opt/theirs/bin/python")
    assert lock.python_version.startswith("3.")
    reference = maker.build(lock)
    assert maker.run(reference, "python", "-c", "import sys; print(sys.prefix)") == "/opt/theirs"


def test_a_dockerfile_becomes_an_image(maker: Maker) -> None:
    text = f"FROM {BASE_IMAGE}\nENV MARK=here\nRUN mkdir /data && echo 7 > /data/number\n"
    lock = of_dockerfile(maker, text)
    reference = maker.build(lock)
    told = maker.run(reference, "python", "-c", "import os; print(os.environ['MARK'], open('/data/number').read())")
    assert told == "here 7"
    assert any("mkdir /data" in line for line in maker.log)
    assert maker.run(reference, "id", "-u") == "10001"
    assert maker.build(lock) == reference
    assert any("is there" in line for line in maker.log)


@pytest.mark.parametrize("interpreter", ["/opt/theirs/bin/python", "python3"])
def test_packages_that_are_asked_for_beside_a_dockerfile_are_installed_by_its_last_step(
    maker: Maker, engine: Engine, tmp_path: Path, interpreter: str
) -> None:
    """Into a virtual environment, and into the Python that Debian keeps for itself; from an index of the lines' own."""
    for version in ("1.0", "2.0"):
        add_package(tmp_path / "packages", "house_package", version)
    text = f"FROM {BASE_IMAGE}\nRUN python3 -m venv /opt/theirs\n"
    if interpreter == "python3":  # which has no pip
        text += "RUN ln -s /opt/theirs/lib/python3*/site-packages /opt/pip\nENV PYTHONPATH=/opt/pip\n"
    with web(tmp_path / "packages", host=engine.gateway) as index:
        lines = [
            "# ours",
            f"--index-url {index.address}/simple",
            f"--trusted-host {engine.gateway}",
            "house-package<2; python_version > '3'",
            "none-such; python_version < '3'",
        ]
        lock = of_dockerfile(maker, with_packages(text, lines, interpreter), interpreter)
        reference = maker.build(lock)
    assert maker.run(reference, "python", "-c", "import house_package; print(house_package.__version__)") == "1.0"
    assert maker.run(reference, "ls", "/tmp") == ""


def test_packages_that_a_dockerfiles_index_does_not_have_are_named(
    maker: Maker, engine: Engine, tmp_path: Path
) -> None:
    add_package(tmp_path / "packages", "house_package")
    text = f"FROM {BASE_IMAGE}\nRUN python3 -m venv /opt/theirs\n"
    with web(tmp_path / "packages", host=engine.gateway) as index:
        lines = [f"--index-url {index.address}/simple", f"--trusted-host {engine.gateway}", "house-package==9"]
        lock = of_dockerfile(maker, with_packages(text, lines, "/opt/theirs/bin/python"))
        with pytest.raises(FailedPrecondition, match="house-package==9"):
            maker.build(lock)
    assert any("No matching distribution found" in line for line in maker.log)


def test_a_dockerfile_that_fails_names_its_step(maker: Maker) -> None:
    with pytest.raises(FailedPrecondition, match=r"Step 2/3 : RUN echo no >&2; exit 3.*returned a non-zero code: 3"):
        maker.build(of_dockerfile(maker, f"FROM {BASE_IMAGE}\nRUN echo no >&2; exit 3\n"))


def test_a_dockerfile_without_a_python_is_refused(maker: Maker) -> None:
    with pytest.raises(FailedPrecondition, match="no Python") as caught:
        maker.build(of_dockerfile(maker, f"FROM {BASE_IMAGE}\n", "/nowhere/python"))
    assert caught.value.reason == "NO_PYTHON_IN_IMAGE"


def test_a_dockerfile_that_says_nothing_for_long_can_be_canceled(maker: Maker) -> None:
    lock = of_dockerfile(maker, f"FROM {BASE_IMAGE}\nRUN echo begun && read line < /dev/zero\n")
    cancel = threading.Event()

    def log(line: str) -> None:
        if line.endswith("begun"):
            cancel.set()

    with pytest.raises(Cancelled):
        maker.builder.build(lock, Path(), log, lambda percent, doing, *, pushing=False: None, cancel)
    end = time.monotonic() + 20
    while maker.engine.containers_of_builds():
        assert time.monotonic() < end, "the step goes on"
        time.sleep(0.05)


def test_a_conda_environment_becomes_an_image(maker: Maker, conda_lab: Path, tmp_path: Path) -> None:
    """Files of conda packages name the place in the image, whatever they were made in."""
    environ = {**environ_of(maker.engine), "RATTLER_CACHE_DIR": str(tmp_path / "cache")}
    channels = CondaChannels.parse(str(conda_lab), "TEST")
    resolver = CondaResolver(channels, ("lab",), UvResolver(environ), environ)
    spec = parse_conda("channels: [lab]\ndependencies:\n- python\n- twig\n- tool\n- pip: [six==1.16.0]\n")
    lock = lock_spec(spec, maker.pythons, EitherResolver(UvResolver(environ), resolver), print)[0]
    assert lock.conda_packages
    maker.builder._channels, maker.builder._environ = channels, environ
    reference = maker.build(lock)
    question = "import sys, six, twig; print(sys.prefix, six.__version__, twig.__version__, twig.__cached__)"
    prefix, six, twig, cached = maker.run(reference, "python", "-c", question).split()
    assert (prefix, six, twig) == ("/opt/orris/environment", "1.16.0", "1.5")
    assert cached.startswith(prefix)
    assert maker.run(reference, "twig") == "1.5"
    maker.builder.delete(lock.image_id, reference)
    assert maker.build(lock) == reference
