"""What rattler says becomes an error that says what to do; without rattler everything else works."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orris.errors import FailedPrecondition, Internal, OrrisError, ResourceExhausted, Unavailable
from orris_kit.conda_call import _error, _unexpected
from orris_kit.process import Finished


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("HTTP status client error (401 Unauthorized) for url (http://a/b)", FailedPrecondition),
        ("HTTP status server error (503 Service Unavailable) for url (http://a/b)", Unavailable),
        ("Request failed after 2 retries\nCaused by: client error (Connect)", Unavailable),
        ("failed to write\nCaused by: No space left on device (os error 28)", ResourceExhausted),
        ("nest-401.503-0: the archive says that it is x", FailedPrecondition),
    ],
)
def test_kinds_of_errors(said: str, kind: type[OrrisError]) -> None:
    assert type(_error(said)) is kind


def test_long_reasons_are_trimmed_and_repetitions_left_out() -> None:
    message = _error("a\nCaused by: b\nCaused by: b\n" + "\n".join(f"line {n}" for n in range(1000))).message
    assert message.startswith("a\nb\nline 0\n")
    assert message.endswith("\n...")
    assert len(message) <= 2010


def test_an_abort_by_rattler_is_the_packages_fault_and_a_traceback_ours() -> None:
    lines = ("thread '<unnamed>' panicked at lib.rs:132:9:", "All inserted paths must be relative", "aborting")
    aborted = _unexpected(Finished(-6, "", lines))
    assert type(aborted) is FailedPrecondition
    assert "SIGABRT" in aborted.message
    assert "All inserted paths must be relative" in aborted.message
    assert type(_unexpected(Finished(1, "", ("Traceback", "KeyError: 'x'")))) is Internal


def test_nothing_loads_rattler_before_it_is_needed() -> None:
    """Where it is not installed, services and agents start all the same."""
    code = "import sys; sys.modules['rattler'] = None; import orris_agent.service, orris_images.service"
    subprocess.run([sys.executable, "-c", code], check=True)
