"""Where conda channels are configured, a spec is resolved in them: rattler chooses, uv adds what pip is asked for."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orris.errors import FailedPrecondition, OrrisError, Unavailable
from orris_images.conda import parse_conda
from orris_images.interpreters import Found
from orris_images.lock import Lock
from orris_images.resolve.conda import CondaResolver
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Base, Spec
from orris_kit import conda_call
from orris_kit.conda_channels import CondaChannels
from tests.servers.conda_channel import SUBDIR, Package, add, put
from tests.servers.conda_lab import module
from tests.servers.conda_python import python_package
from tests.servers.programs import free_ports
from tests.servers.web import web

HERE = Found(Path("/no/python"), "3.11.7", f"linux-{os.uname().machine}")


class Resolving:
    """The resolver over channels, with a cache of its own."""

    def __init__(self, cache: Path, channels: str | Path, **variables: str) -> None:
        self.environ = {**os.environ, "RATTLER_CACHE_DIR": str(cache), **variables}
        where = CondaChannels.parse(str(channels), "TEST")
        uv = UvResolver(self.environ, allow_source_builds=True)
        self.resolver = CondaResolver(where, ("lab",), uv, self.environ)
        self.log: list[str] = []

    def __call__(self, *dependencies: str, channels: str = "", strict: bool = False, on: Found = HERE) -> Lock:
        lines = "".join(f"- {line}\n" for line in dependencies)
        spec = parse_conda(f"channels: [{channels}]\ndependencies:\n{lines}", strict=strict)
        return self.lock(spec, on)

    def lock(self, spec: Spec, on: Found = HERE) -> Lock:
        return self.resolver.resolve(spec, on, self.log.append)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def resolve(conda_lab: Path, cache: Path) -> Resolving:
    return Resolving(cache, conda_lab)


def chosen(lock: Lock) -> dict[str, str]:
    return {one.name: f"{one.version} of {one.channel}" for one in lock.conda_packages}


def test_a_lock_names_files_to_the_byte(resolve: Resolving, conda_lab: Path) -> None:
    lock = resolve("nest", "python=3")
    python, nest = sorted(lock.conda_packages, key=lambda one: one.name, reverse=True)
    assert (nest.version, nest.build, nest.channel, nest.subdir) == ("7.0.1", "0", "lab", "noarch")
    index = json.loads((conda_lab / "lab" / "noarch" / "repodata.json").read_bytes())
    assert nest.sha256 == index["packages.conda"][nest.file_name]["sha256"]
    assert (python.subdir, lock.python_version) == (SUBDIR, python.version)
    assert (lock.requirements, lock.packages) == ("", (("nest", "7.0.1"),))
    assert lock == Lock.from_json(lock.to_json())


def test_the_same_spec_has_the_same_lock(resolve: Resolving) -> None:
    assert resolve("nest").image_id == resolve("nest").image_id != resolve("nest=6").image_id


def test_the_first_channel_that_has_a_package_is_the_only_one_for_it(resolve: Resolving) -> None:
    assert chosen(resolve("nest", channels="lab, other"))["nest"] == "7.0.1 of lab"
    assert chosen(resolve("nest", channels="other, lab"))["nest"] == "9.0 of other"
    with pytest.raises(FailedPrecondition, match=r"(?s)no conda packages satisfy this environment.*moss.*nest >=8"):
        resolve("moss", channels="lab, other")


def test_a_package_can_be_asked_of_one_channel(resolve: Resolving) -> None:
    assert chosen(resolve("other::nest", channels="lab, other"))["nest"] == "9.0 of other"
    with pytest.raises(FailedPrecondition, match=r"the conda channel other, .* is not among the channels lab"):
        resolve("other::nest", channels="lab")


@pytest.mark.parametrize("line", ["nest=6.0=1", "nest=8", "nest>7.0.1", "nest<6"])
def test_what_is_not_there_is_said_in_rattlers_words(line: str, resolve: Resolving) -> None:
    with pytest.raises(FailedPrecondition, match=r"no conda packages satisfy this environment.*\bnest\b"):
        resolve(line)


def test_a_misspelt_name_is_told_with_those_near_to_it(resolve: Resolving) -> None:
    with pytest.raises(FailedPrecondition, match=r"there is no package nesst in the conda channels lab \(near: nest\)"):
        resolve("nesst")


def test_an_exact_python_that_is_not_there_is_warned_of_or_refused(resolve: Resolving) -> None:
    lock = resolve("nest", "python=3.6.2")
    assert any("Python 3.6.2 was asked for and is not in the conda channels" in line for line in lock.warnings)
    assert lock.requested_python == "3.6.2"
    with pytest.raises(FailedPrecondition, match=r"Python 3\.6\.2 is not in the conda channels"):
        resolve("nest", "python=3.6.2", strict=True)


def test_packages_of_a_substitute_are_those_of_its_time(conda_lab: Path, cache: Path, tmp_path: Path) -> None:
    shutil.copytree(conda_lab / "lab", tmp_path / "lab")
    for version, year in (("1.0", 2015), ("2.0", 2040)):
        add(tmp_path / "lab", module("fern", version, index={"timestamp": (year - 1970) * 31_557_600_000}))
    resolve = Resolving(cache, tmp_path)
    assert chosen(resolve("fern"))["fern"] == "2.0 of lab"
    assert chosen(resolve("fern", "python=3.6"))["fern"] == "1.0 of lab"
    pinned = resolve("fern=2", "python=3.6")
    assert chosen(pinned)["fern"] == "2.0 of lab"
    assert any("TODAY'S VERSIONS" in line for line in pinned.warnings)


def test_a_channel_that_is_nowhere_is_warned_of_unless_strict(resolve: Resolving) -> None:
    lock = resolve("nest", channels="anaconda, lab, nodefaults")
    assert lock.warnings == ("warning: there is no conda channel anaconda at a configured address",)
    for channels, strict in (("anaconda", False), ("anaconda, lab", True)):
        with pytest.raises(FailedPrecondition, match="at no configured address is there a conda channel anaconda"):
            resolve("nest", channels=channels, strict=strict)


def test_a_channel_of_elsewhere_is_refused(resolve: Resolving) -> None:
    with pytest.raises(FailedPrecondition, match=r"https://evil\.example\.org/x is at none of the addresses"):
        resolve("nest", channels="https://evil.example.org/x")


def test_a_server_that_does_not_answer_may_later(cache: Path) -> None:
    with pytest.raises(Unavailable, match=r"(?s)a conda channel did not answer.*Connection refused"):
        Resolving(cache, f"http://127.0.0.1:{free_ports(1)[0]}")("nest")


def test_over_http_with_a_login_that_is_nowhere_seen(conda_lab: Path, tmp_path: Path) -> None:
    with web(conda_lab, "ada:s3cret") as server:
        resolve = Resolving(tmp_path, server.with_credentials("ada:s3cret"))
        lock = resolve("nest")
        assert chosen(lock)["nest"] == "7.0.1 of lab"
        assert "s3cret" not in lock.to_json() + "\n".join(resolve.log)
        wrong = Resolving(tmp_path, server.with_credentials("ada:0ther"))
        with pytest.raises(FailedPrecondition, match="refuses its reader") as caught:
            wrong("nest", "python=3")
        assert "0ther" not in caught.value.message + "\n".join(wrong.log)


@pytest.mark.needs("pypi")
def test_pip_adds_to_what_conda_brings_and_replaces_nothing(resolve: Resolving) -> None:
    lock = resolve("pluggy", "pip:\n  - pytest-mock==3.12.0\n  - azureml-defaults")
    assert dict(lock.packages)["pluggy"] == "1.4.0"
    assert "pytest-mock==3.12.0" in lock.requirements
    assert "pluggy==" not in lock.requirements
    with pytest.raises(FailedPrecondition, match=r"(?s)pluggy.*what conda brings is not replaced"):
        resolve("pluggy", "pip:\n  - pluggy>=1.5")


@pytest.mark.needs("pypi")
def test_pip_finds_what_only_conda_has_and_its_extras(resolve: Resolving) -> None:
    lock = resolve("twig", "pip:\n  - twig[leaves]>=1\n  - nest<8")
    assert dict(lock.packages).keys() == {"iniconfig", "nest", "twig"}
    assert [pin.split("==")[0] for pin in lock.pins] == ["iniconfig"]


@pytest.mark.needs("pypi")
def test_more_on_top_leaves_conda_packages_as_they_are(resolve: Resolving) -> None:
    below = resolve("nest=6", "pip:\n  - iniconfig==2.0.0")
    base = Base(below.python_version, below.pins, conda_packages=below.conda_packages)
    above = resolve.lock(Spec(packages=("pygments==2.18.0",), base=base))
    assert above.conda_packages == below.conda_packages
    assert set(above.packages) == {*below.packages, ("pygments", "2.18.0")}
    assert above.image_id != below.image_id


def test_a_machine_counts_as_its_kind_and_a_base_image_by_its_c_library(conda_lab: Path, tmp_path: Path) -> None:
    shutil.copytree(conda_lab / "lab", tmp_path / "lab")
    add(tmp_path / "lab", Package("fast", "2.0", depends=["__archspec 1 x86_64_v4"]))
    add(tmp_path / "lab", Package("fast", "1.0", depends=["__archspec"]))
    add(tmp_path / "lab", Package("young", "2.0", depends=["__glibc >=2.30"]))
    add(tmp_path / "lab", Package("young", "1.0", depends=["__glibc >=2.17"]))
    add(tmp_path / "lab", Package("gpu", "1.0", depends=["__cuda >=12"]))
    resolve = Resolving(tmp_path / "cache", tmp_path)
    assert chosen(resolve("fast"))["fast"] == "1.0 of lab"
    assert chosen(resolve("young"))["young"] == "2.0 of lab"
    base = replace(HERE, uv_platform="x86_64-manylinux_2_28")
    assert chosen(resolve("young", on=base))["young"] == "1.0 of lab"
    with pytest.raises(FailedPrecondition, match="__cuda"):
        resolve("gpu")
    assert chosen(Resolving(tmp_path / "cache", tmp_path, CONDA_OVERRIDE_CUDA="12.4")("gpu"))["gpu"] == "1.0 of lab"


def test_without_a_checksum_nothing_is_locked(conda_lab: Path, cache: Path, tmp_path: Path) -> None:
    shutil.copytree(conda_lab / "lab", tmp_path / "lab")
    put(tmp_path / "lab", module("moss", "1.0"), b"", sha256=None)
    with pytest.raises(FailedPrecondition, match=r"moss-1\.0-0\.conda: its channel gives no SHA-256"):
        Resolving(cache, tmp_path)("moss")


@pytest.mark.parametrize(
    "index",
    [
        "{",
        "[]",
        '{"packages": {"../../x-1-0.tar.bz2": {"name": "x", "version": "1", "build": "0", "build_number": 0}}}',
        '{"packages.conda": {"x-1-0.conda": {"name": "../x", "version": "1", "build": "0", "build_number": 0}}}',
        '{"packages.conda": {"x-1-0.conda": {"name": "x", "version": "1;x", "build": "../0", "build_number": 0}}}',
    ],
)
def test_an_index_that_is_none_is_an_error_and_no_more(index: str, cache: Path, tmp_path: Path) -> None:
    add(tmp_path / "lab", module("moss", "1.0"))
    (tmp_path / "lab" / "noarch" / "repodata.json").write_text(index)
    with pytest.raises(OrrisError):
        Resolving(cache, tmp_path)("x")


def test_an_index_of_absurd_size_is_given_up(tmp_path: Path) -> None:
    add(tmp_path / "lab", module("moss", "1.0"))
    index = tmp_path / "lab" / "noarch" / "repodata.json"
    with web(tmp_path) as server:
        with index.open("ab") as file:
            file.truncate(64 * 1024**2)
        request: dict[str, Any] = {"channels": [{"name": "lab", "urls": [f"{server.address}/lab"]}], "specs": []}
        request |= {"python": None, "strict": False, "subdir": SUBDIR, "file_limit": 1024**2}
        with pytest.raises(OrrisError, match=r"(?i)file too large|os error 27"):
            conda_call.call(
                "orris_images.resolve.conda_solve", request, CondaChannels.parse(server.address, "TEST"),
                environ={**os.environ, "RATTLER_CACHE_DIR": str(tmp_path / "cache")}, timeout=60, log=print,
            )  # fmt: skip


def test_an_old_python_is_really_had_where_a_channel_has_it(conda_lab: Path, cache: Path, tmp_path: Path) -> None:
    shutil.copytree(conda_lab / "lab", tmp_path / "lab")
    add(tmp_path / "lab", python_package("3.6.2"))
    lock = Resolving(cache, tmp_path)("tool", "python=3.6.2", strict=True)
    assert (lock.python_version, lock.warnings) == ("3.6.2", ())
