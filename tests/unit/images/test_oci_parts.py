"""What container images are made of: parts, layers, what is kept of them, and names."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from orris_images.build.oci.bases import Base
from orris_images.build.oci.config import labels
from orris_images.build.oci.layer_cache import LayerCache
from orris_images.build.oci.layers import Layer, write_layer
from orris_images.build.oci.names import registry_of, split_reference
from orris_images.build.oci.settings import OciSettings
from orris_images.build.oci.split import Part, split
from orris_images.lock import Lock

SITE = "lib/python3.11/site-packages"


def package(environment: Path, name: str, content: bytes, digest: str = "sha256=x") -> None:
    """Put a package of one file into an environment."""
    folder = environment / SITE / f"{name}-1.dist-info"
    folder.mkdir(parents=True)
    (environment / SITE / f"{name}.py").write_bytes(content)
    rows = [
        f"{name}.py,{digest},{len(content)}",
        f"{name}-1.dist-info/RECORD,,",
        "../../../bin/tool,,",
        "/etc/passwd,,",
    ]
    (folder / "RECORD").write_text("\n".join(rows) + "\n")


def parts_of(environment: Path) -> dict[str, Part]:
    return {part.name: part for part in split(environment, large=1000)}


def test_large_packages_have_layers_of_their_own_largest_first(tmp_path: Path) -> None:
    for name, size in (("small", 10), ("big", 2000), ("huge", 9000)):
        package(tmp_path, name, b"#" * size)
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\n")
    parts = split(tmp_path, large=1000)
    assert [part.name for part in parts] == ["huge-1", "big-1", "the rest"]
    assert "pyvenv.cfg" in parts[-1].files
    assert f"{SITE}/small.py" in parts[-1].files
    together = [path for part in parts for path in part.files]
    assert len(together) == len(set(together)) == 7


def test_a_layer_is_known_by_the_hashes_of_its_package_and_by_what_no_package_has(tmp_path: Path) -> None:
    package(tmp_path, "big", b"#" * 2000)
    (tmp_path / "own").write_text("1")
    before = parts_of(tmp_path)
    (tmp_path / "own").write_text("2")
    after = parts_of(tmp_path)
    assert after["big-1"].key == before["big-1"].key
    assert after["the rest"].key != before["the rest"].key
    record = tmp_path / SITE / "big-1.dist-info" / "RECORD"
    record.write_text(record.read_text().replace("sha256=x", "sha256=y"))
    assert parts_of(tmp_path)["big-1"].key != before["big-1"].key


def test_no_more_layers_than_allowed(tmp_path: Path) -> None:
    for number in range(6):
        package(tmp_path, f"p{number}", b"#" * 2000)
    assert len(split(tmp_path, large=1000, layers=3)) == 3


def test_a_layer_is_the_same_bytes_for_the_same_files(tmp_path: Path) -> None:
    layers = []
    for name, mode, time in (("one", 0o600, 1), ("two", 0o666, 10**9)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "bin").mkdir(mode=0o700)
        file = folder / "bin" / "a"
        file.write_text("text")
        file.chmod(mode)
        (folder / "bin" / "b").symlink_to("a")
        os.utime(file, (time, time))
        layers.append(write_layer(tmp_path / f"{name}.tar", folder, ["bin/a", "bin/b"], "cpython-311", lambda: None))
    assert layers[0].digest == layers[1].digest
    with tarfile.open(layers[0].path) as archive:
        found = {entry.name: (entry.mode, entry.uid, entry.linkname) for entry in archive}
    assert found["opt/orris/environment/bin/a"] == (0o644, 0, "")
    assert found["opt/orris/environment/bin/b"] == (0o777, 0, "a")
    assert found["opt"] == (0o755, 0, "")


def kept(cache: LayerCache, key: str, size: int = 100) -> list[str]:
    """Ask for a layer; return the keys for which it had to be made."""
    made: list[str] = []

    def make(path: Path) -> Layer:
        made.append(key)
        path.write_bytes(bytes(size))
        return Layer(f"sha256:{key * 8}", size, path)

    with cache.layer(key, make) as layer:
        assert layer.path.stat().st_size == size
        assert layer.digest == f"sha256:{key * 8}"
    return made


def test_layers_are_kept_and_those_not_used_for_longest_go(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path, 250)
    assert [kept(cache, key) for key in "abba"] == [["a"], ["b"], [], []]
    assert kept(cache, "c") == ["c"]
    assert (kept(cache, "a"), kept(cache, "b")) == ([], ["b"])


def test_a_layer_in_use_stays(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path, 0)

    def make(path: Path) -> Layer:
        path.write_bytes(b"1")
        return Layer("sha256:11", 1, path)

    with cache.layer("a", make) as layer:
        kept(cache, "b")
        assert layer.path.exists()
    assert not layer.path.exists()


def test_a_layer_that_could_not_be_made_leaves_nothing(tmp_path: Path) -> None:
    cache = LayerCache(tmp_path, 1000)

    def make(path: Path) -> Layer:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), cache.layer("a", make):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reference", "name", "version", "registry"),
    [
        ("debian", "debian", "latest", ""),
        ("debian:bookworm", "debian", "bookworm", ""),
        ("library/debian:1", "library/debian", "1", ""),
        ("localhost/a", "localhost/a", "latest", "localhost"),
        ("host:5000/a/b:1", "host:5000/a/b", "1", "host:5000"),
        ("ghcr.io/a/b@sha256:00", "ghcr.io/a/b", "sha256:00", "ghcr.io"),
        ("host:5000/a:1@sha256:00", "host:5000/a", "sha256:00", "host:5000"),
    ],
)
def test_references_are_taken_apart(reference: str, name: str, version: str, registry: str) -> None:
    assert (split_reference(reference), registry_of(reference)) == ((name, version), registry)


def test_credentials_are_for_their_own_registry_and_never_shown() -> None:
    settings = OciSettings(("base",), "host:5000/prefix", "ada", "s3cret")
    assert settings.credentials_for("host:5000") == {"username": "ada", "password": "s3cret"}
    assert settings.credentials_for("docker.io") is None
    assert "s3cret" not in repr(settings)


BASE = Base(
    name="registry.lab/base:1", pinned="", id=f"sha256:{'1' * 64}", path="/usr/bin/python3",
    executable="/usr/bin/python3", version="3.11.2", platform="linux-x86_64", libc="glibc-2.36", diff_ids=(),
    architecture="amd64", environment=(), size=1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("pinned", "digest"), [(f"registry.lab/base@sha256:{'2' * 64}", "2"), (f"sha256:{'1' * 64}", "1")]
)
def test_an_image_names_its_base_by_what_others_can_pull(pinned: str, digest: str) -> None:
    """As the image specification has it: the manifest's digest, where there is one."""
    lock = Lock("3.11.2", None, "linux-x86_64", "scikit-learn==1.5.2", (("scikit-learn", "1.5.2"),), ("a warning",))
    told = labels(lock, replace(BASE, pinned=pinned))
    assert told["org.opencontainers.image.base.digest"] == f"sha256:{digest * 64}"
    assert (told["io.orris.lock"], told["io.orris.scikit-learn"]) == (lock.digest, "1.5.2")
    assert "org.opencontainers.image.created" not in told
    assert labels(replace(lock, warnings=()), replace(BASE, pinned=pinned)) == told
