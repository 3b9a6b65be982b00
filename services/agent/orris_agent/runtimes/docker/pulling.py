"""Bring an image from its registry into the engine of this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orris.errors import FailedPrecondition
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.port import NotNowError

if TYPE_CHECKING:
    from docker import APIClient

_CREDENTIALS = "ORRIS_AGENT_REGISTRY_USERNAME and ORRIS_AGENT_REGISTRY_PASSWORD (or …_PASSWORD_FILE)"
_ABSENT = ("manifest unknown", "not found", "name unknown", "no such image")
_REFUSED = ("unauthorized", "authentication required", "denied", "no basic auth credentials")
_AWAY = ("dial tcp", "connection refused", "connection reset", "i/o timeout", "no such host", "eof", "timeout",
    "bad gateway", "service unavailable", "temporarily unavailable", "too many requests")  # fmt: skip
_STEP = 10  # percent between two lines of progress


class NotInRegistryError(Exception):
    """The registry answers, and does not have the image."""


@dataclass(frozen=True)
class Registry:
    """Who the agent is to the registry; without a user name: whoever the engine's own configuration says."""

    username: str = ""
    password: str = ""

    @property
    def credentials(self) -> dict[str, str] | None:
        return {"username": self.username, "password": self.password} if self.username else None


def is_present(engine: Engine, reference: str) -> bool:
    """Tell whether the engine has an image. Blocking. Raises NotNowError."""
    from docker.errors import ImageNotFound

    try:
        engine.blocking(lambda api: api.inspect_image(reference))  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return False
    return True


def pull(engine: Engine, reference: str, registry: Registry, log: Callable[[str], None]) -> None:
    """Pull an image, telling its progress. Blocking.

    Raises NotInRegistryError; NotNowError where the registry does not answer; FailedPrecondition, which says what to
    do, for everything else.
    """
    from docker.errors import APIError

    if reference.startswith("sha256:"):
        raise NotInRegistryError(f"{reference} was made by another engine and is in no registry")

    def pulled(api: APIClient) -> None:
        log(f"Pulling {reference}")
        _follow(api.pull(reference, stream=True, decode=True, auth_config=registry.credentials), log)

    try:
        engine.blocking(pulled, patient=True)
    except APIError as error:
        raise _explained(reference, str(error.explanation or error)) from error
    except _PullError as error:
        raise _explained(reference, str(error)) from error
    log(f"Pulled {reference}")


class _PullError(Exception):
    """What the engine says in the middle of a pull that has failed."""


def _follow(events: Iterable[Mapping[str, Any]], log: Callable[[str], None]) -> None:
    """Tell how much has come, every so many percent, and what the engine says of the whole."""
    layers: dict[str, tuple[int, int]] = {}
    told = 0
    for event in events:
        if "error" in event:
            raise _PullError(event["error"])
        detail = event.get("progressDetail") or {}
        if event.get("status") == "Downloading" and detail.get("total"):
            layers[event["id"]] = (detail["current"], detail["total"])
            current, total = (sum(column) for column in zip(*layers.values(), strict=True))
            if (percent := 100 * current // total) >= told + _STEP:
                told = percent
                log(f"Downloaded {percent} % of {total / 1e6:.0f} MB")
        elif event.get("status") in ("Pull complete", "Already exists"):
            log(f"{event.get('id', '')}: {event['status']}")


def _explained(reference: str, said: str) -> Exception:
    lower = said.lower()
    if any(word in lower for word in _REFUSED):
        message = f"The registry does not let the agent pull {reference}: {said}. Set {_CREDENTIALS} for the agent."
        return FailedPrecondition(message, reason="REGISTRY_REFUSED")
    if any(word in lower for word in _ABSENT):
        return NotInRegistryError(said)
    if "no space left" in lower:
        message = f"The disk of the container engine is full: {reference} cannot be pulled. Make room and submit again."
        return FailedPrecondition(message, reason="DISK_FULL")
    if any(word in lower for word in _AWAY):
        return NotNowError(f"waits for the registry of {reference}: {said}", reason="REGISTRY_UNREACHABLE")
    return FailedPrecondition(f"The container engine cannot pull {reference}: {said}", reason="PULL_FAILED")
