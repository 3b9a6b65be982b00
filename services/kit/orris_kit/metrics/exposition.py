"""Numbers as Prometheus reads them."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from orris_kit.metrics.families import Distribution, Family
from orris_kit.metrics.histogram import BOUNDS, Histogram
from orris_kit.metrics.sources import gather

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def page() -> bytes:
    """Return the page `/metrics` in Prometheus's text format 0.0.4. Blocking."""
    return generate_latest(registry())


@functools.cache
def registry() -> CollectorRegistry:
    """Return what prometheus-client's own servers read."""
    made = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=made)
    made.register(_Collector())
    return made


class _Collector(Collector):
    def collect(self) -> Iterator[Metric]:
        for family in gather():
            yield _distribution(family) if isinstance(family, Distribution) else _family(family)

    def describe(self) -> list[Metric]:
        return []  # else they would be gathered when this is registered


def _family(family: Family) -> Metric:
    make = GaugeMetricFamily if family.kind == "gauge" else CounterMetricFamily
    metric = make(family.name, family.help, labels=family.labels)
    for labels, value in sorted(family.values.items()):
        metric.add_metric(labels, value)
    return metric


def _distribution(family: Distribution) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, labels=family.labels)
    for labels, histogram in sorted(family.values.items(), key=lambda item: item[0]):
        metric.add_metric(labels, _cumulative(histogram), histogram.total)
    return metric


def _cumulative(histogram: Histogram) -> list[tuple[str, float]]:
    buckets = []
    total = 0
    for bound, count in zip((*map(str, BOUNDS), "+Inf"), list(histogram.counts), strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
