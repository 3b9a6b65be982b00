"""Container images, made by the real engine and kept in a real registry."""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from orris.errors import Cancelled, FailedPrecondition, NotFound, Unavailable
from orris_images.interpreters import Interpreters
from orris_images.lock import Lock
from orris_images.locking import lock_spec
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Spec
from tests.integration.images.containers import Maker, blob_of, config_of, environ_of, manifest_of, own_layers
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.registry import Registry

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("registry"), pytest.mark.needs("pypi")]
SMALL = ("six==1.16.0", "pytest-mock==3.12.0")
ENVIRONMENT = "/opt/orris/environment"


@pytest.fixture
def maker(engine: Engine, registry: Registry, tmp_path: Path) -> Maker:
    return Maker(tmp_path / "images", engine, registry)


@pytest.fixture(scope="module")
def lock(engine: Engine, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Lock:
    return Maker(tmp_path_factory.mktemp("lock"), engine, registry).lock(*SMALL)


def test_what_is_made_runs_with_what_is_locked(maker: Maker, lock: Lock) -> None:
    reference = maker.build(lock)
    question = "import six, sys, os; print(six.__version__, sys.executable, sys.prefix, os.getuid(), os.getgid())"
    told = maker.run(reference, "python", "-c", question)
    assert told == f"1.16.0 {ENVIRONMENT}/bin/python {ENVIRONMENT} 10001 10001"
    assert maker.run(reference, "pytest", "--version").startswith("pytest ")
    assert lock.python_version == maker.run(
        reference, "python", "-c", "import platform; print(platform.python_version())"
    )


def test_the_lock_is_that_of_a_virtual_environment_on_the_same_python(maker: Maker, lock: Lock) -> None:
    """The same image id, whatever makes the image."""
    environ = environ_of(maker.engine)
    debian = Interpreters(environ, Path("/usr/bin/python3"))
    if debian.find(None).version != lock.python_version:
        pytest.skip("this machine's own Python is not that of the base image")
    here, _ = lock_spec(Spec(packages=SMALL), debian, UvResolver(environ), print)
    assert here == lock
    assert here.image_id == lock.image_id


def test_the_registry_has_the_whole_image(maker: Maker, lock: Lock, registry: Registry) -> None:
    reference = maker.build(lock)
    assert reference.startswith(f"{registry.address}/orris/environments@sha256:")
    manifest, config = manifest_of(registry, reference), config_of(registry, reference)
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"])
    assert config["config"]["User"] == "10001:10001"
    labels = config["config"]["Labels"]
    base = maker.builder.engine.inspect(BASE_IMAGE)
    assert labels == {
        "org.opencontainers.image.title": f"Orris environment {lock.image_id}",
        "org.opencontainers.image.version": lock.image_id,
        "org.opencontainers.image.revision": lock.digest,
        "org.opencontainers.image.base.name": BASE_IMAGE,
        "org.opencontainers.image.base.digest": base["Id"],
        "io.orris.image": lock.image_id,
        "io.orris.lock": lock.digest,
        "io.orris.specification": Spec(packages=SMALL).digest,
        "io.orris.python": lock.python_version,
    }
    assert config["created"] == "1980-01-01T00:00:00Z"
    assert config["config"]["Env"][-1].startswith(f"PATH={ENVIRONMENT}/bin:")


def test_layers_belong_to_root_and_hold_nothing_but_the_environment(
    maker: Maker, lock: Lock, registry: Registry
) -> None:
    for layer in own_layers(registry, maker.build(lock)):
        for entry in layer:
            assert (entry.uid, entry.gid, entry.uname, entry.mode & 0o022) == (0, 0, "", 0) or entry.issym()
            assert entry.name.startswith("opt/orris/environment") or entry.name in ("opt", "opt/orris")


def test_nothing_secret_or_of_this_machine_is_in_an_image(
    maker: Maker, lock: Lock, registry: Registry, tmp_path: Path
) -> None:
    reference = maker.build(lock)
    manifest = manifest_of(registry, reference)
    texts = [json.dumps(manifest).encode(), json.dumps(config_of(registry, reference)).encode()]
    texts += [blob_of(registry, each["digest"]) for each in manifest["layers"] if each["mediaType"].endswith(".tar")]
    for secret in (registry.password, str(tmp_path), sys.base_prefix):
        assert not any(secret.encode() in text for text in texts), secret
    assert registry.password not in "".join(maker.log)
    assert registry.password not in repr(vars(maker.builder))


def test_an_image_is_the_same_bytes_wherever_it_is_made(
    engine: Engine, registry: Registry, lock: Lock, tmp_path: Path
) -> None:
    references = []
    for name in ("one", "two"):
        maker = Maker(tmp_path / name, engine, registry)
        reference = maker.build(lock)
        references.append(reference)
        maker.builder.delete(lock.image_id, reference)
    assert references[0] == references[1]


def test_another_host_finds_the_image_in_the_registry(
    engine: Engine, registry: Registry, lock: Lock, tmp_path: Path
) -> None:
    first = Maker(tmp_path / "one", engine, registry).build(lock)
    second = Maker(tmp_path / "two", engine, registry)
    assert second.build(lock) == first
    assert any("is there" in line for line in second.log)
    assert not any("installed" in line for line in second.log)
    assert list((tmp_path / "two").glob("layers/*")) == []


def test_an_engine_that_lost_the_image_pulls_it(maker: Maker, lock: Lock) -> None:
    reference = maker.build(lock)
    maker.forget(*maker.builder.engine.ids(lock.image_id))
    assert maker.run(reference, "python", "-c", "import six; print(six.__version__)") == "1.16.0"


def test_whoever_asks_at_the_same_time_gets_one_image(maker: Maker) -> None:
    lock = maker.lock("six==1.15.0")
    log: list[str] = []

    def build(_: int) -> str:
        return maker.builder.build(lock, Path(), log.append, lambda percent, doing, *, pushing=False: None).reference

    with ThreadPoolExecutor(4) as pool:
        references = set(pool.map(build, range(4)))
    assert len(references) == 1
    assert sum("made in" in line for line in log) == 1


def test_progress_never_goes_back_and_ends_with_pushing(maker: Maker) -> None:
    maker.build(maker.lock("six==1.14.0"))
    percents = [percent for percent, _, _ in maker.progress]
    pushing = [pushing for _, _, pushing in maker.progress]
    assert percents == sorted(percents)
    assert percents[-1] <= 100
    assert pushing == sorted(pushing)
    assert pushing[-1]


def test_without_a_registry_the_image_stays_in_the_engine(engine: Engine, lock: Lock, tmp_path: Path) -> None:
    maker = Maker(tmp_path, engine, None)
    reference = maker.build(lock)
    assert reference.startswith("sha256:")
    assert maker.run(reference, "python", "-c", "import six; print(six.__version__)") == "1.16.0"
    assert maker.build(lock) == reference
    assert any("is there" in line for line in maker.log)
    assert maker.builder.is_there(lock.image_id, reference)
    maker.builder.delete(lock.image_id, reference)
    assert not maker.builder.is_there(lock.image_id, reference)


def test_a_deleted_image_is_gone_and_made_again(maker: Maker, engine: Engine) -> None:
    lock = maker.lock("six==1.12.0")
    others = {image.id for image in engine.client.images.list(all=True)}
    reference = maker.build(lock)
    assert maker.builder.is_there(lock.image_id, reference)
    maker.builder.delete(lock.image_id, reference)
    assert not maker.builder.is_there(lock.image_id, reference)
    assert {image.id for image in engine.client.images.list(all=True)} == others
    maker.builder.delete(lock.image_id, reference)
    assert maker.build(lock) == reference
    assert any("made in" in line for line in maker.log)


def test_readiness_is_told_without_a_call(registry: Registry, engine: Engine, tmp_path: Path) -> None:
    """Neither engine nor registry is there; the row is enough, and one of another registry is not."""
    maker = Maker(tmp_path, engine, registry)
    here = f"{registry.address}/orris/environments@sha256:{'0' * 64}"
    assert maker.builder.is_ready("i", here)
    assert not maker.builder.is_ready("i", here.replace(registry.address, "other:5000"))
    assert not maker.builder.is_ready("i", "")


@pytest.mark.parametrize("line", range(1, 40, 4))
def test_canceling_ends_it_at_any_moment_and_leaves_nothing_half_done(
    maker: Maker, line: int, tmp_path: Path, registry: Registry
) -> None:
    """Canceled at the n-th thing it says or does."""
    lock = maker.lock("six==1.13.0")
    cancel, told = threading.Event(), 0

    def count(*_: object, **__: object) -> None:
        nonlocal told
        told += 1
        if told == line:
            cancel.set()

    try:
        made = maker.builder.build(lock, Path(), count, count, cancel)
    except Cancelled:
        assert cancel.is_set()
        assert list((tmp_path / "images").glob("layers/*.tmp")) == []
        made = None
    reference = maker.build(lock)
    assert made is None or made.reference == reference
    assert maker.run(reference, "python", "-c", "import six; print(six.__version__)") == "1.13.0"
    maker.builder.delete(lock.image_id, reference)


def test_wrong_credentials_are_named(engine: Engine, registry: Registry, lock: Lock, tmp_path: Path) -> None:
    maker = Maker(tmp_path, engine, registry, password="wrong-one")
    with pytest.raises(FailedPrecondition, match="ORRIS_IMAGES_REGISTRY_PASSWORD") as caught:
        maker.build(lock)
    assert "wrong-one" not in str(caught.value) + "".join(maker.log)


def test_a_registry_that_is_down_is_worth_another_try(
    engine: Engine, registry: Registry, lock: Lock, tmp_path: Path
) -> None:
    maker = Maker(tmp_path, engine, replace(registry, port=9))
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9") as caught:
        maker.build(lock)
    assert caught.value.reason == "REGISTRY_UNREACHABLE"


def test_an_engine_that_is_absent_is_named_with_its_remedy(lock: Lock, tmp_path: Path) -> None:
    maker = Maker(tmp_path, Engine(tmp_path / "nowhere"), None)
    with pytest.raises(Unavailable, match="DOCKER_HOST"):
        maker.build(lock)


def test_a_base_image_that_nobody_has_is_named(maker: Maker, registry: Registry) -> None:
    with pytest.raises(FailedPrecondition, match="orris/none:1") as caught:
        maker.lock("six", base_image=f"{registry.address}/orris/none:1")
    assert caught.value.reason == "BASE_IMAGE_NOT_FOUND"


def test_a_python_that_no_base_image_has_is_refused_or_replaced(maker: Maker) -> None:
    with pytest.raises(FailedPrecondition, match="base_image"):
        maker.lock("six", python="3.6.2", strict=True)
    found = maker.lock("six==1.16.0", python="3.6.2")
    assert "IS USED" in found.warnings[0]


def test_layers_that_the_engine_loses_meanwhile_are_loaded_anew(maker: Maker, engine: Engine) -> None:
    """Somebody removes all that has no name, in the middle of a build."""
    lock = maker.lock("numpy==2.2.6", "six==1.16.0")
    lost: list[str] = []

    def progress(percent: int, doing: str, *, pushing: bool = False) -> None:
        if doing.startswith("the rest") and not lost:
            lost.extend(str(each["Id"]) for each in engine.client.api.images(all=True, filters={"dangling": True}))
            for each in lost:
                engine.client.images.remove(each, force=True)

    reference = maker.builder.build(lock, Path(), maker.log.append, progress).reference
    assert lost
    assert any("once more" in line for line in maker.log)
    assert maker.run(reference, "python", "-c", "import numpy; print(numpy.__version__)") == "2.2.6"
    maker.builder.delete(lock.image_id, reference)


def test_an_engine_that_dies_in_the_middle_is_worth_another_try(maker: Maker, engine: Engine) -> None:
    lock = maker.lock("six==1.9.0")

    def log(line: str) -> None:
        if line.startswith("installed in"):
            engine.kill()

    with pytest.raises(Unavailable) as caught:
        maker.builder.build(lock, Path(), log, lambda percent, doing, *, pushing=False: None)
    assert caught.value.reason == "ENGINE_UNREACHABLE"
    engine.start()
    assert maker.run(maker.build(lock), "python", "-c", "import six; print(six.__version__)") == "1.9.0"


def test_containers_that_a_killed_service_has_left_are_removed_and_no_others(
    engine: Engine, registry: Registry, lock: Lock, tmp_path: Path
) -> None:
    """What opens a package index may be in one that packages are installed in."""
    killed, other = (Maker(tmp_path / name, engine, registry) for name in ("ours", "others"))
    at_work = [each.builder.engine.container(BASE_IMAGE, ["python3"]) for each in (killed, other)]
    left, others = (each.__enter__().id for each in at_work)
    Maker(tmp_path / "ours", engine, registry).build(lock)
    assert left not in engine.containers_of_builds()
    other.build(lock)
    assert others in engine.containers_of_builds()
    for each in at_work:
        with suppress(NotFound):
            each.__exit__(None, None, None)


def test_a_registry_that_dies_in_the_middle_is_worth_another_try(maker: Maker, registry: Registry) -> None:
    lock = maker.lock("six==1.8.0")

    def log(line: str) -> None:
        if line.startswith("installed in"):
            registry.program.stop()

    with pytest.raises(Unavailable) as caught:
        maker.builder.build(lock, Path(), log, lambda percent, doing, *, pushing=False: None)
    assert caught.value.reason == "REGISTRY_UNREACHABLE"
    registry.program.start()
    assert maker.run(maker.build(lock), "python", "-c", "import six; print(six.__version__)") == "1.8.0"


def test_one_changed_package_is_all_that_is_made_and_sent(
    maker: Maker, registry: Registry, engine: Engine, tmp_path: Path
) -> None:
    first, second = (maker.build(maker.lock("numpy==2.2.6", f"six=={version}")) for version in ("1.15.0", "1.16.0"))
    before, after = (manifest_of(registry, each)["layers"] for each in (first, second))
    assert [each["digest"] for each in before[:-1]] == [each["digest"] for each in after[:-1]]
    assert before[-1]["digest"] != after[-1]["digest"]
    assert len(list((tmp_path / "images" / "layers").glob("*.tar"))) == 3


def test_layers_are_kept_up_to_a_size(engine: Engine, registry: Registry, tmp_path: Path) -> None:
    maker = Maker(tmp_path, engine, registry, layer_cache_size=1000)
    maker.build(maker.lock("six==1.7.0"))
    assert list((tmp_path / "layers").iterdir()) == []
