"""What a channel retries and for how long a call may take."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from orris_kit.client import retry_config
from orris_kit.context import Call, enter_call
from orris_kit.outgoing import SHAVE_SECONDS, Outgoing
from tests.fakes import echo


def test_only_methods_that_may_be_repeated_are_retried() -> None:
    (config,) = json.loads(retry_config(echo.DESCRIPTOR))["methodConfig"]
    assert config["name"] == [{"service": echo.SERVICE, "method": name} for name in ("Say", "Watch", "Upload")]
    assert config["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]


def test_without_services_nothing_is_retried() -> None:
    assert json.loads(retry_config()) == {"methodConfig": []}


def details(timeout: float | None) -> SimpleNamespace:
    found = SimpleNamespace(timeout=timeout, metadata=None)
    found._replace = lambda **changed: SimpleNamespace(**changed)
    return found


@pytest.mark.parametrize(
    ("given", "default", "left", "expected"),
    [
        (None, True, None, 30.0),
        (None, False, None, None),
        (5.0, True, None, 5.0),
        (None, True, 10.0, 10.0 - SHAVE_SECONDS),
        (None, False, 10.0, 10.0 - SHAVE_SECONDS),
        (5.0, True, 10.0, 5.0),
        (60.0, True, 10.0, 10.0 - SHAVE_SECONDS),
    ],
)
async def test_a_call_takes_its_own_time_the_default_or_what_is_left_whichever_is_less(
    monkeypatch: pytest.MonkeyPatch, given: float | None, default: bool, left: float | None, expected: float | None
) -> None:
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    if left is not None:
        enter_call(Call("/outer", "r", deadline=1000.0 + left))
    prepared = Outgoing(None, 30.0).prepare(details(given), default=default)
    assert prepared.timeout == (None if expected is None else pytest.approx(expected))


def test_a_missing_token_is_left_out_and_one_given_by_the_caller_kept() -> None:
    outgoing = Outgoing(lambda: None, 30.0)
    assert "authorization" not in outgoing.prepare(details(None), default=True).metadata
    own = details(None)
    own.metadata = (("authorization", "Bearer own"),)
    prepared = Outgoing(lambda: "theirs", 30.0).prepare(own, default=True)
    assert prepared.metadata.get_all("authorization") == ["Bearer own"]
