"""Archives that would reach beyond their environment are refused before any file of them is put into place."""

import bz2
import json
from pathlib import Path

import pytest

from orris_kit.conda_archive import Contents, check_together, contents
from orris_kit.conda_program import Refused
from tests.servers.conda_channel import Package, add, put, tar_of, zstd
from tests.servers.conda_lab import module

FORMATS = pytest.mark.parametrize("archive", [".conda", ".tar.bz2"])


@FORMATS
async def test_what_is_in_an_archive(archive: str, tmp_path: Path) -> None:
    files: dict[str, bytes | Path] = {"bin/a": b"a", "lib/deep/b": Path("../../bin/a")}
    known = await contents(add(tmp_path, Package("a", "1.0", files, archive=archive)), "a-1.0-0")
    assert known == Contents("a-1.0-0", ["bin/a", "lib/deep/b"], ["lib/deep/b"], False, "lib/python1.0/site-packages")


async def test_an_archive_of_before_2017_has_a_list_of_its_files(tmp_path: Path) -> None:
    index = json.dumps(Package("a", "1.0").index_json).encode()
    data = bz2.compress(tar_of({"info/index.json": index, "info/files": b"bin/a\n", "bin/a": b"a"}))
    file = put(tmp_path, Package("a", "1.0", archive=".tar.bz2"), data)
    assert (await contents(file, "a-1.0-0")).paths == ["bin/a"]


@FORMATS
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../a", b""),
        ("lib/../../a", b""),
        ("/etc/a", b""),
        ("a", Path("/etc/passwd")),
        ("a", Path("../a")),
        ("lib/a", Path("../../a")),
        ("lib/a", Path("b/../../../a")),
        ("lib/a", Path("../lib/../b")),
    ],
)
async def test_files_and_links_that_leave_are_refused(
    archive: str, name: str, content: bytes | Path, tmp_path: Path
) -> None:
    file = add(tmp_path, Package("a", "1.0", {name: content}, archive=archive))
    with pytest.raises(Refused, match=r"a-1\.0-0: (its link .* out of the environment|invalid package-relative)"):
        await contents(file, "a-1.0-0")


@pytest.mark.parametrize(
    "command", ["../../evil = a:main", "/evil = a:main", "a/b = a:main", "x = a:main()\nimport os"]
)
async def test_commands_are_names(command: str, tmp_path: Path) -> None:
    file = add(tmp_path, module("a", "1.0", link={"entry_points": [command]}))
    with pytest.raises(Refused, match="is not the entry point of a command"):
        await contents(file, "a-1.0-0")


async def test_the_place_for_other_packages_is_inside(tmp_path: Path) -> None:
    file = add(tmp_path, Package("python", "3.11", index={"python_site_packages_path": "../x"}))
    with pytest.raises(Refused, match="outside"):
        await contents(file, "python-3.11-0")


async def test_an_archive_is_the_package_that_was_locked(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"the archive says that it is b-1\.0-0"):
        await contents(add(tmp_path, Package("b", "1.0")), "a-1.0-0")


async def test_its_description_and_its_files_may_differ_but_both_are_looked_at(tmp_path: Path) -> None:
    """rattler puts into place what the description names, from wherever that is."""
    said = {"paths": [{"_path": "../../other/file", "path_type": "hardlink"}], "paths_version": 1}
    info: dict[str, bytes | Path] = {
        "info/index.json": json.dumps(Package("a", "1.0").index_json).encode(),
        "info/paths.json": json.dumps(said).encode(),
    }
    file = put(tmp_path, Package("a", "1.0", archive=".tar.bz2"), bz2.compress(tar_of({**info, "bin/a": b""})))
    with pytest.raises(Refused, match="outside"):
        await contents(file, "a-1.0-0")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 nothing", zstd(b"nothing")])
async def test_what_is_no_archive_is_an_error(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"(?i)a-1.0-0: .*(zip|archive|eof)"):
        await contents(put(tmp_path, Package("a", "1.0"), data), "a-1.0-0")


PYTHON = Contents("python-3.11.7-0", ["bin/python"], [], site_packages="lib/python3.11/site-packages")


def test_nothing_is_put_behind_a_link_of_another_package() -> None:
    """Each alone stays inside; together they would not: `out/..` is above the place that `out` leads to."""
    link = Contents("a-1-0", ["lib/deep/out"], ["lib/deep/out"])
    check_together([PYTHON, link, Contents("b-1-0", ["lib/deep/other"], [])])
    with pytest.raises(Refused, match="b-1-0: its file 'lib/deep/out/b' lies behind a link"):
        check_together([PYTHON, link, Contents("b-1-0", ["lib/deep/out/b"], [])])


def test_nor_where_the_python_decides_on_the_place() -> None:
    link = Contents("a-1-0", ["lib/python3.11/site-packages/x"], ["lib/python3.11/site-packages/x"])
    with pytest.raises(Refused, match="behind a link"):
        check_together([PYTHON, link, Contents("b-1-0", ["site-packages/x/b"], [], noarch=True)])
