"""Specs are resolved by the real uv from the machine's index."""

import threading
from collections.abc import Callable

import pytest
from packaging.version import Version

from orris.errors import Cancelled, DeadlineExceeded, FailedPrecondition, Unavailable
from orris_images.conda import parse_conda
from orris_images.curated import CURATED
from orris_images.interpreters import Found, Interpreters
from orris_images.lock import Lock
from orris_images.locking import lock_spec
from orris_images.resolve.eras import ERAS
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Base, Spec

HOW_TO = """
dependencies:
  - python=3.6.2
  - scikit-learn
  - numpy
  - pip:
    - azureml-defaults
"""

Environ = dict[str, str]
Only = Callable[[str], Interpreters]


def locked(spec: Spec, interpreters: Interpreters, environ: Environ, log: Callable[[str], None] = print) -> Lock:
    return lock_spec(spec, interpreters, UvResolver(environ), log)[0]


@pytest.mark.needs("python3.6")
def test_the_how_to_on_its_own_python(interpreters: Interpreters, environ: Environ) -> None:
    lock = locked(parse_conda(HOW_TO), interpreters, environ)
    assert lock.python_version.startswith("3.6.")
    assert ("numpy", "1.19.5") in lock.packages
    assert ("scikit-learn", "0.24.2") in lock.packages
    assert lock.warnings == ()


def test_the_how_to_on_a_substitute(only: Only, environ: Environ) -> None:
    log: list[str] = []
    lock = locked(parse_conda(HOW_TO), only("3.11"), environ, log.append)
    assert {("numpy", "1.23.5"), ("scikit-learn", "1.1.3")} <= set(lock.packages)
    assert lock.warnings[0].startswith("WARNING: Python 3.6.2 was asked for")
    assert lock.warnings[0] in log
    assert not any(name.startswith("azureml") for name, _ in lock.packages)


def test_a_lock_is_the_same_every_time_and_hashed(only: Only, environ: Environ) -> None:
    first, second = (locked(parse_conda(HOW_TO), only("3.11"), environ) for _ in range(2))
    assert first == second
    assert first.image_id == second.image_id
    assert all("--hash=sha256:" in part for part in first.requirements.split("==")[1:])
    assert "://" not in first.to_json()


def test_pins_are_honoured_and_the_rest_is_of_their_day(only: Only, environ: Environ) -> None:
    lock = locked(Spec(python="3.6.2", packages=("numpy==1.26.4", "scikit-learn")), only("3.11"), environ)
    packages = dict(lock.packages)
    assert packages["numpy"] == "1.26.4"
    assert packages["scikit-learn"] == "1.4.0"
    assert "2024-02-06" in lock.warnings[1]


def test_an_old_pin_without_a_wheel_fails_with_uvs_reason(only: Only, environ: Environ) -> None:
    with pytest.raises(FailedPrecondition, match=r"numpy==1\.19\.5 has no usable wheels"):
        locked(Spec(python="3.6.2", packages=("numpy==1.19.5",)), only("3.11"), environ)


@pytest.mark.parametrize("minor", [f"3.{minor}" for _, minor in ERAS])
def test_every_era_has_the_scientific_stack(minor: str, only: Only, environ: Environ) -> None:
    spec = Spec(python="3.6.2", packages=("numpy", "scipy", "pandas", "scikit-learn", "matplotlib"))
    lock = locked(spec, only(minor), environ)
    assert "TODAY'S" not in lock.warnings[1]


@pytest.mark.parametrize("name", CURATED)
def test_curated_environments_resolve_or_say_what_to_install(
    name: str, interpreters: Interpreters, environ: Environ
) -> None:
    spec = CURATED[name]
    try:
        lock = locked(spec, interpreters, environ)
    except FailedPrecondition as error:
        assert f"uv python install {spec.python}" in error.message  # noqa: PT017
    else:
        assert dict(lock.packages)["scikit-learn"]
        assert name != "AzureML-Tutorial" or Version(dict(lock.packages)["numpy"]) < Version("1.24")


def test_an_overlay_keeps_its_base(only: Only, environ: Environ) -> None:
    base = Base("3.11", ("joblib==1.2.0", "threadpoolctl==3.1.0"))
    lock = locked(Spec(packages=("six",), base=base), only("3.11"), environ)
    assert {"joblib==1.2.0", "threadpoolctl==3.1.0"} < set(lock.pins)
    assert "six" in dict(lock.packages)
    with pytest.raises(FailedPrecondition, match="joblib"):
        locked(Spec(packages=("joblib>=1.3",), base=base), only("3.11"), environ)


def test_credentials_of_an_index_appear_nowhere(interpreters: Interpreters, environ: Environ) -> None:
    log: list[str] = []
    hidden = {**environ, "UV_DEFAULT_INDEX": "http://user:s3cret@127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"}
    hidden |= {"NO_PROXY": "127.0.0.1"}
    resolver = UvResolver(hidden, allow_source_builds=True)
    with pytest.raises(Unavailable) as caught:
        resolver.resolve(Spec(packages=("orris-nothing",)), interpreters.find(None), log.append)
    assert "s3cret" not in caught.value.message + "".join(log)


def test_resolving_ends_when_canceled_and_when_out_of_time(interpreters: Interpreters, environ: Environ) -> None:
    python: Found = interpreters.find(None)
    canceled = threading.Event()
    canceled.set()
    with pytest.raises(Cancelled):
        UvResolver(environ).resolve(Spec(packages=("scikit-learn",)), python, print, canceled)
    with pytest.raises(DeadlineExceeded):
        UvResolver(environ, timeout=0).resolve(Spec(packages=("scikit-learn",)), python, print)
