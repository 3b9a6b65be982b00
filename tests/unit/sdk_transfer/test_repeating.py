"""What is tried again, and what is not."""

from __future__ import annotations

import threading

import grpc
import pytest

from orris.errors import NotFound, Unavailable
from orris.sdk.parallel import Progress, for_each
from orris.sdk.repeating import PAUSES, repeat


class Refused(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "refused"

    def trailing_metadata(self) -> tuple[()]:
        return ()


class Call:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_unavailable_is_tried_again_after_growing_pauses() -> None:
    pauses: list[float] = []
    call = Call(*[Refused(grpc.StatusCode.UNAVAILABLE)] * 5)
    assert repeat(call, pauses.append) == "done"
    assert all(0.7 * wanted <= pause <= 1.3 * wanted for pause, wanted in zip(pauses, PAUSES, strict=True))


def test_it_is_given_up_after_six_attempts() -> None:
    call = Call(*[Unavailable("no")] * 10)
    with pytest.raises(Unavailable):
        repeat(call, lambda seconds: None)
    assert call.count == 6


def test_the_pause_that_the_server_asks_for_is_kept_within_reason() -> None:
    pauses: list[float] = []
    repeat(Call(Unavailable("no", retry_after=7), Unavailable("no", retry_after=1e9)), pauses.append)
    assert pauses == [7, 30]


@pytest.mark.parametrize("error", [Refused(grpc.StatusCode.NOT_FOUND), NotFound("no")])
def test_other_errors_are_raised_at_once_as_those_of_orris(error: Exception) -> None:
    call = Call(error)
    with pytest.raises(NotFound):
        repeat(call, lambda seconds: None)
    assert call.count == 1


def test_after_the_first_error_no_more_jobs_begin() -> None:
    from concurrent.futures import ThreadPoolExecutor

    begun: list[int] = []
    failed = threading.Event()

    def job(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.set()
            raise KeyError(number)
        failed.wait(5)
        threading.Event().wait(0.02)

    with ThreadPoolExecutor(2) as pool, pytest.raises(KeyError):
        for_each(pool, job, range(1000))
    assert len(begun) < 100


def test_progress_never_goes_back_and_ends_with_all() -> None:
    from concurrent.futures import ThreadPoolExecutor

    seen: list[tuple[int, int]] = []
    progress = Progress(1000, lambda done, total: seen.append((done, total)))
    with ThreadPoolExecutor(4) as pool:
        for_each(pool, progress.add, [10] * 100)
    assert seen[0] == (0, 1000)
    assert seen[-1] == (1000, 1000)
    assert seen == sorted(seen)
