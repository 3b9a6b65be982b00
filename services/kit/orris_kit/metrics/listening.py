"""`/metrics` of a service that runs by itself, on an address of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orris.errors import FailedPrecondition
from orris_kit.address import Address
from orris_kit.logging import get_logger

log = get_logger(__name__)


@contextmanager
def metrics_at(listen: str, *, allow_insecure: bool = False) -> Iterator[Address | None]:
    """Serve `/metrics` at an address while the context lasts (empty: nowhere); give the address.

    Raises FailedPrecondition for an address that others reach unless that is allowed, or that is taken.
    """
    if not listen:
        yield None
        return
    address = Address.parse(listen, field="metrics_listen")
    if address.port is None or not (address.stays_here or allow_insecure):
        message = f"metrics_listen: {address} must be host:port on this machine, or be allowed (allow_insecure_listen)"
        raise FailedPrecondition(message, reason="INSECURE_LISTEN")
    from prometheus_client import start_http_server

    from orris_kit.metrics.exposition import registry

    try:
        server, thread = start_http_server(address.port, address.host, registry())
    except OSError as error:
        message = f"cannot listen on {address} for metrics: {error.strerror or error}"
        raise FailedPrecondition(message, reason="CANNOT_LISTEN") from error
    bound = Address(address.host, server.server_port)
    log.info("metrics can be read", address=f"http://{bound}/metrics")
    try:
        yield bound
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
