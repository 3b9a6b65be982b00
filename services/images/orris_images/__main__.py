"""Run the images service: `python -m orris_images`."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack

from orris_images.config import Settings
from orris_images.service import open_service
from orris_kit import logging
from orris_kit.auth import TokenVerifier
from orris_kit.lifecycle import run_alone
from orris_kit.server import Server, serve
from orris_kit.telemetry import telemetry


async def run() -> None:
    """Serve until SIGTERM or SIGINT."""
    settings = Settings()
    logging.setup(settings.log_level, settings.log_style)
    verifier = TokenVerifier(settings.public_key_path)
    server = Server(settings.listen, authenticator=verifier, allow_insecure=settings.allow_insecure_listen)
    async with AsyncExitStack() as stack:
        stack.enter_context(telemetry("orris-images", settings, os.environ))
        for add, servicer in await open_service(settings, stack):
            server.add(add, servicer)
        await serve(server)


if __name__ == "__main__":
    run_alone(run)
