"""Settings and addresses."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from orris.errors import InvalidArgument
from orris_kit.address import Address, check_target
from orris_kit.config import ServiceSettings, settings_of


class Settings(ServiceSettings):
    model_config = settings_of("runs")
    database: str = "here.db"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ORRIS_HOME", "ORRIS_LOG_LEVEL", "XDG_DATA_HOME", "ORRIS_PUBLIC_KEY", "ORRIS_RUNS_LISTEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_the_home_is_orris_home_else_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Settings().home == tmp_path / ".local/share/orris"
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert Settings().home == Path("/data/orris")
    monkeypatch.setenv("ORRIS_HOME", "/orris")
    assert Settings().home == Path("/orris")
    assert Settings().public_key_path == Path("/orris/signing.pub")


def test_a_relative_data_folder_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    assert Settings().home == tmp_path / ".local/share/orris"


def test_own_settings_have_the_services_prefix_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_RUNS_DATABASE", "there.db")
    monkeypatch.setenv("ORRIS_RUNS_LISTEN", "")
    assert (Settings().database, Settings().listen) == ("there.db", "127.0.0.1:0")


def test_settings_can_be_given_in_code(tmp_path: Path) -> None:
    assert Settings(home=tmp_path, listen="[::1]:7001").listen == "[::1]:7001"


def test_what_is_wrong_is_named_by_its_variable_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_RUNS_LISTEN", "7001")
    monkeypatch.setenv("ORRIS_LOG_LEVEL", "s3cret")
    with pytest.raises(InvalidArgument) as caught:
        Settings()
    assert caught.value.reason == "INVALID_SETTING"
    assert "ORRIS_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'" in caught.value.message
    assert "ORRIS_RUNS_LISTEN: address: '7001' is not of the form host:port" in caught.value.message
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "text",
    ["artifacts:6747", "unix:/run/orris.sock", "ipv4:10.0.0.5:6747,10.0.0.6:6747", "ipv6:[2001:db8::5]:1,[::1]:2"],
)
def test_whom_to_call_may_be_several_of_a_kind(text: str) -> None:
    assert check_target(text) == text


@pytest.mark.parametrize(
    "text",
    ["ipv4:", "ipv4:artifacts:1", "ipv4:10.0.0.5", "ipv4:10.0.0.5:1,", "ipv6:10.0.0.5:1", "10.0.0.5:1,10.0.0.6:1"],
)
def test_several_are_addresses_of_one_family_with_ports(text: str) -> None:
    with pytest.raises(InvalidArgument):
        check_target(text)


@pytest.mark.parametrize("text", ["127.0.0.1:0", "localhost:65535", "[::1]:7001", "unix:/run/orris.sock", "host:1"])
def test_an_address_is_read_and_written_alike(text: str) -> None:
    assert str(Address.parse(text)) == text


@pytest.mark.parametrize("text", ["", "host", "host:", ":1", "host:x", "host:65536", "::1:1", "host:-1", "host:\u0661"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("127.8.8.8:1", True),
        ("localhost:1", True),
        ("[::1]:1", True),
        ("unix:/s", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example:1", False),
    ],
)
def test_only_loopback_stays_on_this_machine(text: str, here: bool) -> None:
    assert Address.parse(text).stays_here is here
