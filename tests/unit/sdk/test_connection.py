"""Where a client finds its Orris, and which token it shows there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orris.errors import InvalidArgument, Unauthenticated, Unavailable
from orris.sdk.channel import channel_options, open_channel
from orris.sdk.connection import NO_INSTANCE, NOUNS, Connection
from orris.sdk.instance import default_home, find_instance

VARIABLES = ("ORRIS_ADDRESS", "ORRIS_TOKEN", "ORRIS_TOKEN_FILE", "ORRIS_HOME")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (*VARIABLES, *(f"ORRIS_{noun}_ADDRESS" for noun in NOUNS)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORRIS_HOME", str(tmp_path))
    return tmp_path


def run_instance(home: Path, pid: int) -> None:
    (home / "user.token").write_text("local-token\n")
    found = {"pid": pid, "address": "127.0.0.1:4000", "http_address": "127.0.0.1:4001", "token_file": "user.token"}
    (home / "instance.json").write_text(json.dumps({**found, "version": "0.1.0", "started": 1.0}))


def test_without_instance_the_error_says_how_to_get_one() -> None:
    with pytest.raises(Unavailable, match="orris up") as caught:
        Connection.find()
    assert str(caught.value) == NO_INSTANCE


def test_the_local_instance_is_found_with_its_token(home: Path) -> None:
    run_instance(home, os.getpid())
    found = Connection.find()
    assert (found.address, found.token) == ("127.0.0.1:4000", "local-token")


def test_an_instance_whose_process_is_gone_is_none(home: Path) -> None:
    run_instance(home, 2**22 + 1)  # beyond the largest pid of Linux
    assert find_instance(home) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": "x"}', '{"pid": 0, "address": "a", "token_file": "t"}'])
def test_a_damaged_instance_file_is_no_instance(home: Path, content: str) -> None:
    (home / "instance.json").write_text(content)
    assert find_instance(home) is None


def test_the_local_token_is_shown_to_no_other_address(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_instance(home, os.getpid())
    monkeypatch.setenv("ORRIS_ADDRESS", "elsewhere:443")
    found = Connection.find()
    assert (found.address, found.token) == ("elsewhere:443", None)


def test_an_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_ADDRESS", "one:1")
    assert Connection.find("two:2").address == "two:2"


def test_the_token_comes_from_the_variable_then_from_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "t").write_text("from-file\n")
    monkeypatch.setenv("ORRIS_TOKEN_FILE", str(home / "t"))
    assert Connection.find("a:1").token == "from-file"
    monkeypatch.setenv("ORRIS_TOKEN", "from-variable")
    assert Connection.find("a:1").token == "from-variable"


def test_a_token_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_TOKEN_FILE", "/nowhere/t")
    with pytest.raises(Unauthenticated, match="/nowhere/t"):
        Connection.find("a:1")


def test_the_home_follows_the_xdg_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORRIS_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_home() == Path("/data/orris")
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert default_home() == Path.home() / ".local/share/orris"


@pytest.mark.parametrize("address", ["", "host", "host:", ":80", "host:http", "host:99999", "unix:relative"])
def test_an_address_that_cannot_be_read_is_refused(address: str) -> None:
    with pytest.raises(InvalidArgument):
        open_channel(address, None)


@pytest.mark.parametrize(("target", "off"), [("127.0.0.1:1", True), ("[::1]:1", True), ("example.org:1", False)])
def test_no_proxy_stands_before_this_machine(target: str, off: bool) -> None:
    assert (("grpc.enable_http_proxy", 0) in channel_options(target)) is off


def test_the_local_token_is_shown_to_no_service_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_instance(home, os.getpid())
    monkeypatch.setenv("ORRIS_MODELS_ADDRESS", "elsewhere:443")
    assert Connection.find().token is None
    monkeypatch.setenv("ORRIS_MODELS_ADDRESS", "127.0.0.1:4000")
    assert Connection.find().token == "local-token"


def test_services_may_be_found_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRIS_RUNS_ADDRESS", "127.0.0.1:4000")
    found = Connection.find()
    assert found.runs is found.runs
    with pytest.raises(Unavailable, match="ORRIS_MODELS_ADDRESS"):
        _ = found.models
