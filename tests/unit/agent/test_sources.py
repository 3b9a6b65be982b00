"""Which files of a run's folder are sources, whatever patterns it says."""

from __future__ import annotations

import pytest

from orris.errors import InvalidArgument
from orris_agent import sources
from orris_agent.sources import sources_of


def test_patterns_are_those_of_a_submission() -> None:
    names = ["a.py", "b.csv", "data/kept.csv", "data/c.csv", ".git/HEAD", "\udce4.py"]
    assert sources_of([], names) == ["a.py", "b.csv", "data/kept.csv", "data/c.csv", "\udce4.py"]
    assert sources_of(["*.csv", "!data/kept.csv"], names) == ["a.py", "data/kept.csv", "\udce4.py"]


@pytest.mark.parametrize("pattern", ["!", "[z-a]"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="correct the pattern"):
        sources_of([pattern], ["a"])


def test_patterns_that_take_for_ever_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would hold the agent, with all of its runs, as long as they are matched."""
    monkeypatch.setattr(sources, "MATCH_SECONDS", 0.5)
    with pytest.raises(InvalidArgument, match="take too long"):
        sources_of(["*a" * 30], ["a" * 200 + "b"])
