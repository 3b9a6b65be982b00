"""A standalone instance from its start to its stop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from orris.errors import FailedPrecondition
from orris_kit.address import Address
from orris_kit.lifecycle import settle, stop_signals
from orris_kit.logging import get_logger
from orris_kit.telemetry import telemetry
from orris_standalone import instance, ports, stopping
from orris_standalone.agent_process import kept_running
from orris_standalone.config import Settings

log = get_logger(__name__)

HOST, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104  # only where it is asked for and allowed
LISTEN_ATTEMPTS = 3
NOUNS = ("artifacts", "images", "runs", "models", "inference")


async def run(settings: Settings, on_ready: Callable[[instance.Instance], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT. Raises FailedPrecondition when another instance uses the home."""
    with instance.held(settings.home):
        async with stop_signals() as stop:
            for attempt in range(LISTEN_ATTEMPTS):
                try:
                    await _serve(settings, stop, on_ready)
                    return
                except FailedPrecondition as error:
                    # Between the choice of a port and its use, another instance may have taken it.
                    if error.reason != "CANNOT_LISTEN" or attempt == LISTEN_ATTEMPTS - 1:
                        raise


async def _serve(settings: Settings, stop: asyncio.Event, on_ready: Callable[[instance.Instance], None]) -> None:
    home = settings.home
    listen = Address.parse(settings.listen)
    chosen = ports.choose(home, settings.port or listen.port or None, settings.http_port)
    own = HOST if listen.host == EVERYWHERE else listen.host
    here = _describe(home, own, chosen)
    _tell_services(home, own, chosen)
    from orris_standalone.installation import services

    with telemetry("orris", settings, os.environ):
        agent = kept_running(home, _agent_settings(home, here))
        async with services(settings, str(Address(listen.host, chosen.grpc)), here.address) as inference, agent:
            instance.write(home, here)
            settle()
            on_ready(here)
            await stop.wait()
            log.info("stopping")
            await inference.aclose()
            await stopping.end_all_runs(here)
        # Only now does nobody bring new ones.
        instance.write_left(home, await stopping.end_all_nodes())


def _describe(home: Path, own: str, chosen: ports.Ports) -> instance.Instance:
    return instance.Instance(
        pid=os.getpid(),
        address=str(Address(own, chosen.grpc)),
        http_address=f"http://{HOST}:{chosen.http}",
        token_file=str(home / "user.token"),
        version=instance.version(),
        started=time.time(),
    )


def _tell_services(home: Path, own: str, chosen: ports.Ports) -> None:
    """Set what the services' own settings read: where they find each other, which is here."""
    os.environ["ORRIS_HOME"] = str(home)
    os.environ.update({f"ORRIS_{noun.upper()}_ADDRESS": str(Address(own, chosen.grpc)) for noun in NOUNS})
    os.environ["ORRIS_INFERENCE_HTTP_LISTEN"] = f"{HOST}:{chosen.http}"
    os.environ["ORRIS_INFERENCE_HTTP_METRICS"] = "true"


def _agent_settings(home: Path, here: instance.Instance) -> dict[str, str]:
    return {
        "ORRIS_AGENT_NAME": "local",
        "ORRIS_AGENT_SLEEPS_ALONG": "true",
        "ORRIS_LOG_LEVEL": os.environ.get("ORRIS_LOG_LEVEL", "warning"),
    }
