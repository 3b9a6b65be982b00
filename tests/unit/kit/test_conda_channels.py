"""An operator says where conda channels are; logins stay with the operator."""

import pytest

from orris.errors import InvalidArgument
from orris_kit.conda_channels import CondaChannels

NAME = "ORRIS_IMAGES_CONDA_CHANNELS"


def parse(setting: str) -> CondaChannels:
    return CondaChannels.parse(setting, NAME)


def test_nothing_set_means_no_channels() -> None:
    assert not parse("")
    assert not parse(" , ")
    assert parse("").urls("conda-forge") == []


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("https://conda.example.org/", "https://conda.example.org/lab"),
        ("http://127.0.0.1:8080/mirror", "http://127.0.0.1:8080/mirror/lab"),
        ("http://[::1]:8080", "http://[::1]:8080/lab"),
        ("file:///srv/conda", "file:///srv/conda/lab"),
        ("/srv/my conda", "file:///srv/my%20conda/lab"),
        ("lab=https://elsewhere.example.org/x", "https://elsewhere.example.org/x"),
        ("https://ada:s3cret@conda.example.org", "https://conda.example.org/lab"),
        ("https://conda.example.org/t/tk-123/private", "https://conda.example.org/private/lab"),
    ],
)
def test_a_channel_is_looked_up_at_the_addresses(setting: str, expected: str) -> None:
    assert parse(setting).urls("lab") == [expected]


def test_addresses_are_asked_in_their_order_and_a_channel_of_its_own_is_asked_alone() -> None:
    channels = parse("https://a.example.org, /srv/conda, defaults=https://b.example.org/main")
    assert channels.urls("pkgs/r") == ["https://a.example.org/pkgs/r", "file:///srv/conda/pkgs/r"]
    assert channels.urls("defaults") == ["https://b.example.org/main"]


def test_an_address_in_a_specification_counts_only_below_those_of_the_operator() -> None:
    channels = parse("https://conda.example.org/all")
    assert channels.urls("https://conda.example.org/all/lab") == ["https://conda.example.org/all/lab"]
    assert channels.urls("https://conda.anaconda.org/lab") == ["https://conda.example.org/all/lab"]
    assert channels.urls("https://conda.example.org/allother/lab") == []
    assert channels.urls("https://evil.example.org/lab") == []


def test_logins_are_kept_apart_from_addresses_and_never_shown() -> None:
    channels = parse("https://ada:s%40crët@a.example.org, https://b.example.org/t/tk-123/x")
    login = {"BasicHTTP": {"username": "ada", "password": "s@crët"}}
    assert channels.logins == {"a.example.org": login, "b.example.org": {"CondaToken": "tk-123"}}
    shown = repr(channels) + "".join(channels.urls("lab"))
    assert not any(secret in shown for secret in ("s@cr", "s%40", "tk-123"))
    said = "at https://ada:s%40crët@a.example.org with s@crët, /t/tk-123/x"
    assert channels.redact(said) == "at https://ada:***@a.example.org with ***, /t/***/x"


@pytest.mark.parametrize(
    "setting",
    [
        "conda.example.org",
        "ftp://conda.example.org",
        "https://",
        "https://ada:s3cret@",
        "https://conda.example.org:s3cret",
        "file://host/srv",
        "s3://s3cret/x",
        "https://conda.example.org?token=s3cret",
        "https://ada:s3cret@a.example.org, https://bob:other@a.example.org/x",
    ],
)
def test_what_is_no_address_is_refused_without_showing_it(setting: str) -> None:
    with pytest.raises(InvalidArgument, match=NAME) as caught:
        parse(setting)
    assert "s3cret" not in caught.value.message
