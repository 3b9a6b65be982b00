"""Who has taken names is alone with them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from orris_agent.turns import Turns


def test_who_wants_a_taken_name_waits_for_it() -> None:
    turns, entered, order = Turns(), Event(), []

    def later() -> None:
        entered.set()
        with turns.at(["b", "c"]):
            order.append("later")

    with ThreadPoolExecutor(1) as pool:
        with turns.at(["a", "b"]):
            waiting = pool.submit(later)
            entered.wait(5)
            with turns.at(["c"]):  # who waits has nothing yet
                order.append("first")
        waiting.result(5)
    assert order == ["first", "later"]


def test_names_are_given_back_after_an_error() -> None:
    turns = Turns()
    with pytest.raises(KeyError), turns.at(["a"]):
        raise KeyError
    with turns.at(["a"]):
        pass


def test_crossed_wishes_do_not_wait_for_each_other_for_ever() -> None:
    turns, counts = Turns(), [0]

    def work(names: list[str]) -> None:
        for _ in range(500):
            with turns.at(names):
                counts[0] += 1

    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(work, names) for names in (["a", "b"], ["b", "a"], ["b", "c"], ["c", "a"])]:
            job.result(60)
    assert counts[0] == 2000
