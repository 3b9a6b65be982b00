"""What Prometheus reads."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from contextlib import AsyncExitStack

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orris.errors import FailedPrecondition
from orris_kit.metrics import Distribution, Family, Histogram, provide
from orris_kit.metrics.exposition import page
from orris_kit.metrics.listening import metrics_at


def read(text: str) -> dict[str, float]:
    """Return the samples by name and labels."""
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_what_services_know_is_on_the_page_while_they_are_open() -> None:
    durations = Histogram()
    for seconds in (0.0004, 0.002, 700.0):
        durations.observe(seconds)
    async with AsyncExitStack() as stack:
        provide(stack, lambda: [Family("test_agents", "Agents.", ("pool",), {("local",): 2.0})])
        provide(stack, lambda: [Distribution("test_seconds", "Times.", (), {(): durations})])
        found = read(page().decode())
    assert found["test_agents[('pool', 'local')]"] == 2
    assert found["test_seconds_bucket[('le', '0.0005')]"] == 1
    assert found["test_seconds_bucket[('le', '0.0025')]"] == 2
    assert found["test_seconds_bucket[('le', '+Inf')]"] == found["test_seconds_count"] == 3
    assert found["process_resident_memory_bytes"] > 0
    assert found["orris_uptime_seconds"] >= 0
    assert "test_agents" not in page().decode()


async def test_a_source_that_fails_takes_nothing_else_from_the_page(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> list[Family]:
        raise RuntimeError("the database is away")

    async with AsyncExitStack() as stack:
        provide(stack, fails)
        provide(stack, lambda: [Family("test_blobs", "Blobs.", (), {(): 1.0})])
        assert "test_blobs 1.0" in page().decode()
    assert "could not be gathered" in caplog.text


def test_quantiles_are_interpolated_in_their_bucket() -> None:
    durations = Histogram()
    assert durations.quantile(0.5) is None
    for _ in range(100):
        durations.observe(0.2)
    assert durations.quantile(0.5) == pytest.approx(0.175)
    assert durations.quantile(1.0) == pytest.approx(0.25)
    durations.observe(1e6)
    assert durations.quantile(1.0) == 60


def test_a_service_by_itself_shows_its_numbers_at_an_address_of_their_own() -> None:
    with metrics_at("127.0.0.1:0") as address, urllib.request.urlopen(f"http://{address}/metrics") as answer:
        assert "orris_uptime_seconds" in answer.read().decode()


def test_other_machines_reach_it_only_where_that_is_allowed() -> None:
    with pytest.raises(FailedPrecondition, match="metrics_listen"), metrics_at("0.0.0.0:0"):
        pass
    with metrics_at("0.0.0.0:0", allow_insecure=True) as address:
        assert address is not None
    with metrics_at("") as nowhere:
        assert nowhere is None


def test_nothing_is_imported_for_numbers_and_traces_that_nobody_wants() -> None:
    program = (
        "import sys, orris_kit.server, orris_kit.telemetry, orris_runs.service, orris_inference.service;"
        "print([name for name in ('prometheus_client', 'opentelemetry', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
