"""No graphics processor is given to two containers."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from orris_agent.runtimes.docker.graphics import chosen
from orris_agent.runtimes.port import NotNowError


@pytest.mark.parametrize(
    ("count", "present", "taken", "expected"),
    [
        (1, 4, [], (0,)),
        (2, 4, ["0", ""], (1, 2)),
        (2, 4, ["0,2"], (1, 3)),
        (4, 4, [], (0, 1, 2, 3)),
        (1, 0, [], ()),
        (5, 4, ["0"], ()),
    ],
)
def test_the_first_free_ones_are_given(
    count: int, present: int, taken: Collection[str], expected: tuple[int, ...]
) -> None:
    assert chosen(count, present, taken) == expected


def test_who_asks_for_more_than_are_free_waits_and_says_for_what() -> None:
    with pytest.raises(NotNowError, match="waits for 2 graphics processors: 1 of 4 are free"):
        chosen(2, 4, ["0", "1,3"])
