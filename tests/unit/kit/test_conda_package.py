"""What a channel's index says becomes part of paths and addresses: it has to look like what conda has there."""

from dataclasses import replace

import pytest

from orris.errors import InvalidArgument
from orris_kit.conda_package import CondaPackage, is_channel

GOOD = CondaPackage("numpy", "1!1.26.4", "py311_0", "conda-forge", "linux-64", "numpy-1!1.26.4-py311_0.conda", "0" * 64)


def test_both_formats_are_known() -> None:
    assert replace(GOOD, file_name="numpy-1!1.26.4-py311_0.tar.bz2").stem == "numpy-1!1.26.4-py311_0"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../numpy", "file_name": "../numpy-1!1.26.4-py311_0.conda"},
        {"name": "Numpy", "file_name": "Numpy-1!1.26.4-py311_0.conda"},
        {"version": "1/2", "file_name": "numpy-1/2-py311_0.conda"},
        {"build": "..\n", "file_name": "numpy-1!1.26.4-..\n.conda"},
        {"file_name": "scipy-1!1.26.4-py311_0.conda"},
        {"file_name": "numpy-1!1.26.4-py311_0.zip"},
        {"subdir": "../linux-64"},
        {"subdir": ""},
        {"sha256": ""},
        {"sha256": "Z" * 64},
        {"channel": "a/../../b"},
    ],
)
def test_anything_else_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="conda channel"):
        replace(GOOD, **wrong)


@pytest.mark.parametrize(
    "name", ["conda-forge", "pkgs/main", "conda-forge/label/dev", "https://a.example.org:8443/x", "https://a.b"]
)
def test_channels(name: str) -> None:
    assert is_channel(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "/", "../x", "a/../b", "a//b", "a b", "a\n", "http://a.example.org/x", "https://ada:s3cret@a.example.org/x",
        "https://a.example.org/t/tk-1/x", "file:///etc", "x" * 300, "a:b", "a::b", "https://a:b/x", "https://",
    ],
)  # fmt: skip
def test_what_names_no_channel(name: str) -> None:
    assert not is_channel(name)
