"""What is asked of uv, in which order, and what is made of its answers. uv itself is a fake here."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, Unavailable
from orris_images.interpreters import Found
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Base, Spec
from orris_kit import uv
from orris_kit.process import Finished

ANSWER = "numpy==1.23.5 \\\n    --hash=sha256:00\nscikit-learn==1.1.3 \\\n    --hash=sha256:01\n"
SOLVED = Finished(0, ANSWER, ())
UNSOLVED = Finished(
    1,
    "",
    (
        "error: No solution found when resolving dependencies",
        "  cause: Because numpy==1.19.5 has no usable wheels",
    ),
)
TOO_NEW = Finished(
    1, "", ("error: No solution found", "The requested version, v1.26.4, was published at 2024-02-05T23:48:01.194Z.")
)
PYTHON = Found(Path("/python3.11"), "3.11.7", "linux-x86_64")
SUBSTITUTE = Found(
    Path("/python3.11"), "3.11.7", "linux-x86_64", exact=False, warning="WARNING: another", requested="3.6.2"
)

Calls = list[list[str]]
Install = Callable[..., Calls]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Install:
    def install(*finished: Finished) -> Calls:
        calls: Calls = []
        left = list(finished)

        def run(arguments: Sequence[str], *, cwd: Path, **rest: object) -> Finished:
            calls.append([*arguments, *(cwd / "requirements.in").read_text().split("\n")])
            return left.pop(0)

        monkeypatch.setattr(uv, "run", run)
        return calls

    return install


def dates(calls: Calls) -> list[str | None]:
    return [call[call.index("--exclude-newer") + 1] if "--exclude-newer" in call else None for call in calls]


def test_the_lock_has_what_uv_answered(answers: Install) -> None:
    answers(SOLVED)
    lock = UvResolver({}).resolve(Spec(python="3.11", packages=("numpy", "scikit-learn")), PYTHON, print)
    assert lock.packages == (("numpy", "1.23.5"), ("scikit-learn", "1.1.3"))
    assert (lock.python_version, lock.requested_python, lock.requirements) == ("3.11.7", "3.11", ANSWER)
    assert lock.warnings == ()


def test_wheels_only_and_today_unless_a_python_was_substituted(answers: Install) -> None:
    calls = answers(SOLVED)
    UvResolver({}, allow_source_builds=True).resolve(Spec(packages=("numpy",)), PYTHON, print)
    assert dates(calls) == [None]
    assert "--no-build" in calls[0]


def test_on_a_substitute_packages_are_of_its_first_months(answers: Install) -> None:
    calls = answers(SOLVED)
    log: list[str] = []
    lock = UvResolver({}).resolve(Spec(packages=("numpy",)), SUBSTITUTE, log.append)
    assert dates(calls) == ["2022-12-01"]
    assert lock.warnings[0] == "WARNING: another"
    assert "WARNING: another" in log


def test_a_pin_newer_than_that_moves_the_date_to_its_day(answers: Install) -> None:
    calls = answers(TOO_NEW, SOLVED)
    UvResolver({}).resolve(Spec(packages=("numpy==1.26.4",)), SUBSTITUTE, print)
    assert dates(calls) == ["2022-12-01", "2024-02-06"]


def test_when_no_date_fits_today_is_taken_with_a_warning(answers: Install) -> None:
    calls = answers(UNSOLVED, SOLVED)
    lock = UvResolver({}).resolve(Spec(packages=("numpy>=2",)), SUBSTITUTE, print)
    assert dates(calls) == ["2022-12-01", None]
    assert "TODAY'S VERSIONS" in lock.warnings[1]


def test_the_reason_is_the_resolvers_own(answers: Install) -> None:
    answers(UNSOLVED)
    with pytest.raises(FailedPrecondition, match=r"on Python 3\.11\.7.*: Because numpy==1\.19\.5 has no .* wheels$"):
        UvResolver({}).resolve(Spec(packages=("numpy==1.19.5",)), PYTHON, print)


def test_sources_are_built_only_when_allowed_and_after_wheels(answers: Install) -> None:
    calls = answers(UNSOLVED, SOLVED)
    lock = UvResolver({}, allow_source_builds=True).resolve(Spec(packages=("numpy",)), PYTHON, print)
    assert ["--no-build" in call for call in calls] == [True, False]
    assert lock.source_builds


def test_of_a_failed_build_the_reason_is_its_last_line() -> None:
    printed = ("[stdout]", "running egg_info", "[stderr]", "Traceback (most recent call last):", "KeyError: 'x'")
    errors = (
        "error: Failed to build `nu==1.0`",
        "  cause: The build backend returned an error",
        *(f"         {line}" for line in printed),
        "hint: set no-build-isolation",
    )
    lines = uv.reason(Finished(1, "", errors)).splitlines()
    assert [line.strip() for line in lines] == [
        "Failed to build `nu==1.0`", "cause: The build backend returned an error", "KeyError: 'x'",
    ]  # fmt: skip


def test_a_silent_index_is_no_verdict(answers: Install) -> None:
    answers(
        Finished(
            2,
            "",
            ("error: Request failed after 3 retries", "  cause: Failed to fetch: https://index.example.com/simple/x/"),
        )
    )
    with pytest.raises(Unavailable, match="did not answer"):
        UvResolver({}).resolve(Spec(packages=("numpy",)), PYTHON, print)


def test_an_overlay_holds_its_base_and_no_date(answers: Install) -> None:
    calls = answers(SOLVED)
    UvResolver({}).resolve(Spec(packages=("flask",), base=Base("3.11.7", ("numpy==1.23.5",))), SUBSTITUTE, print)
    assert {"numpy==1.23.5", "flask"} <= set(calls[0])
    assert dates(calls) == [None]


def test_an_empty_spec_asks_nobody(answers: Install) -> None:
    calls = answers()
    assert UvResolver({}).resolve(Spec(packages=("azureml-core",)), PYTHON, print).requirements == ""
    assert calls == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"UV_EXCLUDE_NEWER": "2020-01-01", "UV_PYTHON": "x", "VIRTUAL_ENV": "x", "SECRET": "x"}, {}),
        ({"PIP_INDEX_URL": "https://a/"}, {"UV_DEFAULT_INDEX": "https://a/"}),
        ({"PIP_INDEX_URL": "https://a/", "UV_INDEX_URL": "https://b/"}, {"UV_INDEX_URL": "https://b/"}),
        ({"PIP_FIND_LINKS": "/not/there"}, {}),
        (
            {"HTTPS_PROXY": "p", "no_proxy": "n", "SSL_CERT_FILE": "c"},
            {"HTTPS_PROXY": "p", "no_proxy": "n", "SSL_CERT_FILE": "c"},
        ),
    ],
)
def test_uv_sees_how_to_reach_an_index_and_nothing_else(given: Mapping[str, str], expected: Mapping[str, str]) -> None:
    seen = uv.environment({**given, "XDG_CACHE_HOME": "/caches"})
    assert seen == {**expected, "XDG_CACHE_HOME": "/caches", "UV_CACHE_DIR": "/caches/orris/uv"}


def test_the_cache_is_orriss_own_unless_one_is_set() -> None:
    assert (
        uv.environment({"HOME": "/home/ada", "XDG_CACHE_HOME": "relative"})["UV_CACHE_DIR"]
        == "/home/ada/.cache/orris/uv"
    )
    assert uv.environment({"HOME": "/home/ada", "UV_CACHE_DIR": "/fast"})["UV_CACHE_DIR"] == "/fast"


def test_credentials_are_taken_out() -> None:
    text = "from https://user:secret@example.org/simple and hunter2"
    assert uv.redact(text, {"UV_INDEX_OURS_PASSWORD": "hunter2"}) == "from https://***@example.org/simple and ***"
