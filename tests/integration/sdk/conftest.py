"""A fake Orris behind real gRPC."""

from tests.fakes.services.fixtures import lab, server, source

__all__ = ["lab", "server", "source"]
