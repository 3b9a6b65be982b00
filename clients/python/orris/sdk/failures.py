"""What a user waited for and did not get. The server answered well; what was asked for went wrong."""

from __future__ import annotations

from typing import Any

from orris.errors import OrrisError


class RunFailed(OrrisError):
    """The run ended otherwise than Completed. `details` is what `Run.get_details()` returns."""

    default_reason = "RUN_FAILED"

    def __init__(self, message: str, details: dict[str, Any]) -> None:
        super().__init__(message)
        self.details = details


class BuildFailed(OrrisError):
    """The environment could not be made; the message is the resolver's or installer's own."""

    default_reason = "BUILD_FAILED"


class DeploymentFailed(OrrisError):
    """The endpoint did not become Healthy; the message has the failing line of the user's code where there is one."""

    default_reason = "DEPLOYMENT_FAILED"


class ScoringFailed(OrrisError):
    """The endpoint answered with an error. `status` is the HTTP status."""

    default_reason = "SCORING_FAILED"

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class StillRunning(OrrisError):
    """Waiting was interrupted; what was waited for goes on."""

    default_reason = "STILL_RUNNING"
