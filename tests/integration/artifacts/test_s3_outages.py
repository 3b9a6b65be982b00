"""Real object storage that stops, fills up, loses its bucket or changes its keys."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, ResourceExhausted, Unavailable
from orris_artifacts.store.port import StoredObject
from orris_artifacts.store.s3.options import Patience
from tests.integration.artifacts.asking import ASK, DATA, HERE, NEW
from tests.servers import minio as minio_server
from tests.servers.buckets import open_bucket, options_of, untried
from tests.servers.object_storage import ObjectStorage

pytestmark = pytest.mark.needs("minio")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ObjectStorage]:
    """A MinIO that a test may stop."""
    with minio_server.minio(tmp_path / "minio") as storage:
        yield storage


def test_a_storage_that_is_down_is_named_and_used_again_when_it_is_back(own: ObjectStorage) -> None:
    store = untried(options_of(own, patience=Patience(attempts=0.2)))
    store.put(HERE, DATA)
    own.program.stop()
    for ask in ASK.values():
        with pytest.raises(Unavailable, match="Connection refused"):
            ask(store)
    own.program.start()
    assert store.read(HERE) == DATA
    assert list(store.list("lab/")) == [StoredObject(HERE, len(DATA))]


def test_a_storage_that_comes_back_soon_is_waited_for(own: ObjectStorage) -> None:
    store = open_bucket(options_of(own))
    own.program.stop()
    putting = threading.Thread(target=store.put, args=(NEW, DATA))
    putting.start()
    own.program.start()
    putting.join()
    assert store.read(NEW) == DATA


def test_a_bucket_that_vanishes_is_no_lost_object(minio: ObjectStorage) -> None:
    bucket = minio.new_bucket()
    store = open_bucket(options_of(minio, bucket=bucket))
    minio.client().remove_bucket(bucket)
    for name, ask in ASK.items():
        with pytest.raises(FailedPrecondition, match=bucket) as caught:
            ask(store)
        assert caught.value.reason == "BUCKET_MISSING", name


@pytest.mark.needs("tmpfs")
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    with minio_server.minio(tmp_path / "minio", megabytes=64) as storage:
        store = open_bucket(options_of(storage))
        data = bytes(4 * 1024 * 1024)
        stored: list[str] = []
        with pytest.raises(ResourceExhausted) as caught:
            while len(stored) < 32:
                store.put(f"lab/aa/{len(stored)}", data)
                stored.append(f"lab/aa/{len(stored)}")
        assert caught.value.reason == "STORE_FULL"
        assert sorted(each.key for each in store.list("lab/")) == sorted(stored)
        assert all(store.read(key) == data for key in stored)
        store.delete(stored)
        store.put(NEW, DATA)
        assert store.read(NEW) == DATA


def test_keys_that_are_withdrawn_are_named(tmp_path: Path, object_storage: ObjectStorage) -> None:
    """As when somebody renews them in the credentials file, and makes a mistake."""
    path = tmp_path / "credentials"
    right = f"[default]\naws_access_key_id={object_storage.access_key}\naws_secret_access_key="
    path.write_text(right + object_storage.secret_key)
    store = open_bucket(options_of(object_storage, credentials=path))
    path.write_text(f"{right}wrong")
    for ask in ASK.values():
        with pytest.raises(FailedPrecondition, match=r"SignatureDoesNotMatch.*S3_SECRET_KEY, or the credentials file"):
            ask(store)
    path.write_text(right + object_storage.secret_key)
    store.put(HERE, DATA)
    assert store.read(HERE) == DATA
