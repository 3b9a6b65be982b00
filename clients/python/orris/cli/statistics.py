"""An endpoint's statistics as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SHIFT = 0.25
COLUMNS_SHOWN = 5


def statistics_fields(statistics: Mapping[str, Any]) -> dict[str, str]:
    """Return what `orris endpoints show` says of them."""
    return {
        "requests": f"{statistics['requests']:,} since {statistics['since']}",
        "last minute": _recent(statistics),
        "errors": ", ".join(f"{code} {count:,}" for code, count in statistics["errors"].items()),
        "input drift": drift_text(statistics),
    }


def latency_text(seconds: float | None) -> str:
    """Return a duration for people."""
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def drift_text(statistics: Mapping[str, Any]) -> str:
    """Return the columns that differ most from the model's sample; empty where there is none."""
    if not statistics["drift"]:
        return ""
    known = [each for each in statistics["drift"] if each["index"] is not None]
    if not known:
        return f"too few rows yet ({statistics['comparedRows']} sent, {statistics['sampleRows']} in the sample)"
    worst = sorted(known, key=lambda each: -each["index"])
    shifted = [each for each in worst if each["index"] > SHIFT]
    shown = (shifted or worst[:1])[:COLUMNS_SHOWN]
    text = ", ".join(f"{each['column']} {each['index']:.2f}" for each in shown)
    more = f" and {len(shifted) - len(shown)} more" if len(shifted) > len(shown) else ""
    return f"{text}{more} ({'shifted' if shifted else 'at most'}; {statistics['comparedRows']:,} rows in the last hour)"


def _recent(statistics: Mapping[str, Any]) -> str:
    rate = f"{statistics['requestsPerSecond']:.3g} requests/s"
    if statistics["latencyP50"] is None:
        return rate
    p50, p99 = latency_text(statistics["latencyP50"]), latency_text(statistics["latencyP99"])
    return f"{rate}, p50 {p50}, p99 {p99}, {statistics['recentErrors']:,} failed"
