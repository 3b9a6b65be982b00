"""Choose the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import Store
from orris_artifacts.store_settings import StoreSettings


def open_store(settings: StoreSettings, clock: Callable[[], datetime]) -> Store:
    """Return the store that is set, ready for use.

    Raises Unavailable (STORE_UNREACHABLE), FailedPrecondition (STORE_REFUSES, BUCKET_MISSING).
    """
    if settings.s3 is None:
        return FolderStore(settings.store_path)
    from orris_artifacts.store.s3.opening import open_s3  # loads the SDK: 0.15 s that a folder does not need

    return open_s3(settings.s3, clock)
