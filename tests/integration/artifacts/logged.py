"""What a service said in its log."""

from __future__ import annotations

from typing import Any

import pytest


def fields_of(log: pytest.LogCaptureFixture, sentence: str) -> dict[str, Any]:
    """Return what was said with a sentence, once."""
    (found,) = (record for record in log.records if record.getMessage() == sentence)
    said: dict[str, Any] = getattr(found, "fields", {})
    return said
