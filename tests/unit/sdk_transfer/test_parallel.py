"""Jobs side by side: how far ahead, how many, and what an error does to the others."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from orris.sdk.parallel import Crew, Progress, ahead


def test_results_come_in_order_and_no_more_jobs_run_ahead_than_allowed() -> None:
    begun: list[int] = []

    def job(number: int) -> int:
        begun.append(number)
        return number

    with ThreadPoolExecutor(4) as pool:
        results = ahead(pool, job, iter(range(100)), 5)
        for number in range(100):
            assert next(results) == number
            assert len(begun) <= number + 6
        assert next(results, None) is None


def test_who_stops_taking_results_leaves_no_jobs_behind() -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def job(number: int) -> int:
        begun.append(number)
        if number:
            go_on.wait(60)
        return number

    with ThreadPoolExecutor(1) as pool:
        results = ahead(pool, job, range(100), 50)
        next(results)
        results.close()  # type: ignore[attr-defined]  # it is a generator
        go_on.set()
    assert len(begun) <= 2


def test_an_error_is_raised_where_its_result_is_taken() -> None:
    def job(number: int) -> int:
        return 1 // number

    with ThreadPoolExecutor(1) as pool:
        results = ahead(pool, job, [1, 0, 1], 2)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_a_crew_takes_a_bounded_number_of_jobs() -> None:
    done: list[int] = []
    gate = threading.Semaphore(0)

    def job(number: int) -> None:
        assert gate.acquire(timeout=60)
        done.append(number)

    def give() -> None:
        for number in range(10):
            crew.do(job, number)
            given.append(number)
        crew.finish()

    given: list[int] = []
    with Crew(2, 3, "test") as crew:
        giver = threading.Thread(target=give)
        giver.start()
        for taken in range(10):
            assert len(given) <= taken + 3
            gate.release()
        giver.join(60)
    assert sorted(done) == list(range(10))


def test_an_error_reaches_whoever_gives_the_next_job_or_waits() -> None:
    def fail(number: int) -> None:
        raise KeyError(number)

    with pytest.raises(KeyError), Crew(1, 1, "test") as crew:
        crew.do(fail, 1)
        crew.do(fail, 2)
    with pytest.raises(KeyError), Crew(1, 5, "test") as crew:
        crew.do(fail, 1)
        crew.finish()


def test_leaving_with_an_error_drops_the_jobs_that_have_not_begun() -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def job(number: int) -> None:
        begun.append(number)
        go_on.wait(60)

    def leave() -> None:
        with Crew(1, 100, "test") as crew:
            for number in range(50):
                crew.do(job, number)
            go_on.set()
            raise KeyError

    with pytest.raises(KeyError):
        leave()
    assert len(begun) < 50


def test_progress_is_never_more_than_all() -> None:
    seen: list[tuple[int, int]] = []
    progress = Progress(10, lambda done, total: seen.append((done, total)))
    for _ in range(3):
        progress.add(6)
    assert seen == [(0, 10), (6, 10), (10, 10), (10, 10)]
