"""What is retried is what the contracts call idempotent."""

from __future__ import annotations

from orris.sdk.retry import service_config


def methods() -> set[str]:
    (entry,) = service_config()["methodConfig"]
    return {f"{each['service']}/{each['method']}" for each in entry["name"]}


def test_reads_and_idempotent_calls_are_retried() -> None:
    assert {"orris.runs.v1.RunService/GetRun", "orris.runs.v1.RunService/CreateRun"} <= methods()


def test_what_makes_something_new_each_time_is_not() -> None:
    assert "orris.runs.v1.WorkspaceService/CreateToken" not in methods()
    assert "orris.inference.v1.EndpointService/RegenerateEndpointKey" not in methods()


def test_only_unavailable_is_retried() -> None:
    (entry,) = service_config()["methodConfig"]
    assert entry["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
