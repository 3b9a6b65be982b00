"""A standalone instance from its start to its stop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

from orris.errors import FailedPrecondition
from orris_kit.lifecycle import stop_signals
from orris_kit.logging import get_logger
from orris_kit.telemetry import telemetry
from orris_standalone import instance, ports, stopping
from orris_standalone.agent_process import kept_running
from orris_standalone.config import Settings

log = get_logger(__name__)

HOST = "127.0.0.1"
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
    chosen = ports.choose(home, settings.port, settings.http_port)
    here = _describe(home, chosen)
    _tell_services(home, chosen)
    from orris_standalone.installation import services

    with telemetry("orris", settings, os.environ):
        async with services(settings, here.address) as inference, kept_running(home, _agent_settings(home, here)):
            instance.write(home, here)
            on_ready(here)
            await stop.wait()
            log.info("stopping")
            await inference.aclose()
            await stopping.end_all_runs(here)
        # Only now does nobody bring new ones.
        instance.write_left(home, await stopping.end_all_nodes())


def _describe(home: Path, chosen: ports.Ports) -> instance.Instance:
    return instance.Instance(
        pid=os.getpid(),
        address=f"{HOST}:{chosen.grpc}",
        http_address=f"http://{HOST}:{chosen.http}",
        token_file=str(home / "user.token"),
        version=instance.version(),
        started=time.time(),
    )


def _tell_services(home: Path, chosen: ports.Ports) -> None:
    """Set what the services' own settings read: where they find each other, which is here."""
    os.environ["ORRIS_HOME"] = str(home)
    os.environ.update({f"ORRIS_{noun.upper()}_ADDRESS": f"{HOST}:{chosen.grpc}" for noun in NOUNS})
    os.environ["ORRIS_INFERENCE_HTTP_LISTEN"] = f"{HOST}:{chosen.http}"
    os.environ["ORRIS_INFERENCE_HTTP_METRICS"] = "true"


def _agent_settings(home: Path, here: instance.Instance) -> dict[str, str]:
    return {"ORRIS_AGENT_NAME": "local", "ORRIS_LOG_LEVEL": os.environ.get("ORRIS_LOG_LEVEL", "warning")}
