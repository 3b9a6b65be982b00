"""What the command line says of pools, against a fake Orris."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from orris.cli.main import app
from orris.runs.v1 import pools_service_pb2
from tests.fakes.services.server import FakeOrris

Invoke = Callable[..., Any]
Node = pools_service_pb2.Node


@pytest.fixture
def orris(server: FakeOrris) -> Invoke:
    return lambda *arguments: CliRunner().invoke(app, [*arguments])


def test_a_pool_is_created_as_it_is_described(orris: Invoke, server: FakeOrris) -> None:
    options = ("--min", "1", "--max", "3", "--idle", "90s", "--slots", "2", "--cpus", "4", "--memory", "8GiB")
    made = orris("pools", "create", "cpu", *options, "--option", "queue=short", "--description", "for all")
    assert (made.exit_code, made.stderr) == (0, "Pool cpu: 1 to 3, idle for 90 s\n")
    pool = server.pools.pools["pools/cpu"]
    assert (pool.engine, pool.min_nodes, pool.max_nodes, pool.idle_time.seconds) == ("local", 1, 3, 90)
    assert (pool.node_slots, pool.node_resources.cpus, pool.node_resources.memory_bytes) == (2, 4, 8 * 1024**3)
    assert (dict(pool.options), pool.description) == ({"queue": "short"}, "for all")


def test_a_pool_without_an_engine_says_how_agents_come_to_it(orris: Invoke, server: FakeOrris) -> None:
    made = orris("pools", "create", "lab", "--engine", "")
    assert made.stderr == "Pool lab: start agents with ORRIS_AGENT_POOL=lab\n"
    assert server.pools.pools["pools/lab"].max_nodes == 0


def test_pools_and_their_nodes_fit_a_terminal(
    orris: Invoke, server: FakeOrris, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    orris("pools", "create", "cpu-cluster", "--max", "4")
    server.pools.have("cpu-cluster", Node.STATE_RUNNING, Node.STATE_STARTING)
    server.pools.pools["pools/cpu-cluster"].error = "the last 3 nodes did not stay: no agent had connected " * 3
    for command in (("list",), ("show", "cpu-cluster")):
        shown = orris("pools", *command).stdout
        assert max(map(len, shown.splitlines())) <= 80
    assert "1 starting, 1 running" in orris("pools", "list").stdout
    assert "Running" in shown


def test_json_has_all_of_it(orris: Invoke, server: FakeOrris) -> None:
    orris("pools", "create", "cpu", "--max", "2")
    server.pools.have("cpu", Node.STATE_IDLE)
    shown = json.loads(orris("pools", "show", "cpu", "--json").stdout)
    assert (shown["maxNodes"], shown["nodes"][0]["state"], shown["nodes"][0]["reason"]) == (2, "Idle", "runs wait")
    assert [each["name"] for each in json.loads(orris("pools", "list", "--json").stdout)] == ["cpu", "local"]


def test_a_pool_is_changed_and_deleted(orris: Invoke, server: FakeOrris) -> None:
    orris("pools", "create", "cpu", "--max", "2")
    updated = orris("pools", "update", "cpu", "--max", "5", "--idle", "2m")
    assert updated.stderr == "Pool cpu: 0 to 5, idle for 120 s\n"
    assert orris("pools", "delete", "cpu").stderr == "Pool cpu: deleted\n"
    missing = orris("pools", "show", "cpu")
    assert missing.exit_code == 3


def test_a_pool_is_watched_until_it_is_gone(orris: Invoke, server: FakeOrris) -> None:
    orris("pools", "create", "cpu", "--max", "2")
    server.pools.have("cpu", Node.STATE_STARTING)
    server.pools.pools["pools/cpu"].waiting_runs = 2
    deleting = server.pools.when_watched(lambda: orris("pools", "delete", "cpu", "--no-wait"))
    watched = orris("pools", "watch", "cpu")
    deleting.join()
    assert (watched.exit_code, watched.stdout) == (0, "1 starting; 2 runs waiting\n")
    assert orris("pools", "watch", "cpu").exit_code != 0
