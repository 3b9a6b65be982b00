"""An image's id follows from its content; a lock survives a round trip; anything else is refused."""

import json
from contextlib import suppress
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris_images.lock import Lock
from orris_kit.conda_package import CondaPackage

LOCK = Lock(
    "3.11.7", "3.6.2", "linux-x86_64", "numpy==1.2 \\\n    --hash=sha256:00\n", (("numpy", "1.2"),), ("a warning",)
)
TWIG = CondaPackage("twig", "1.5", "0", "lab", "noarch", "twig-1.5-0.conda", "0" * 64)


def test_json_and_back() -> None:
    lock = replace(LOCK, index_url="https://example.org/simple", source_builds=True, specification="1" * 64)
    assert Lock.from_json(lock.to_json()) == lock


def test_a_lock_from_before_a_field_was_there_is_read() -> None:
    document = json.loads(LOCK.to_json())
    for field in ("conda_packages", "base_image", "dockerfile", "context", "specification"):
        del document[field]
    assert Lock.from_json(json.dumps(document)) == LOCK


def test_what_makes_another_image() -> None:
    same = [
        replace(LOCK, warnings=()),
        replace(LOCK, requested_python=None),
        replace(LOCK, index_url="https://example.org"),
        replace(LOCK, specification="1" * 64),
    ]
    others = [
        replace(LOCK, requirements="x"),
        replace(LOCK, python_version="3.11.8"),
        replace(LOCK, platform="linux-aarch64"),
        replace(LOCK, interpreter="/usr/bin/python3"),
        replace(LOCK, packages=()),
        replace(LOCK, conda_packages=(TWIG,)),
        replace(LOCK, conda_packages=(replace(TWIG, sha256="1" * 64),)),
        replace(LOCK, base_image=f"base@sha256:{'0' * 64}"),
    ]
    assert {lock.image_id for lock in same} == {LOCK.image_id}
    assert len({LOCK.image_id, *(lock.image_id for lock in others)}) == 9
    assert len(LOCK.image_id) == 32
    assert {lock.digest for lock in same} == {LOCK.digest}
    assert LOCK.digest.startswith(LOCK.image_id)


SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_what_is_no_lock_is_refused(document: object) -> None:
    for text in (json.dumps(document), str(document), LOCK.to_json().replace('"3.11.7"', json.dumps(document)[:50])):
        with suppress(InvalidArgument):
            assert isinstance(Lock.from_json(text).python_version, str)
