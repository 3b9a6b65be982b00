"""Azure's telemetry switch: there is no telemetry."""

from __future__ import annotations


def set_diagnostics_collection(
    send_diagnostics: bool = True, verbosity: int | None = None, reason: str = "", path: str | None = None
) -> None:
    """Do nothing: nothing is collected."""
