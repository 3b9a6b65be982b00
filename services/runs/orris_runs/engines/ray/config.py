"""What the Ray engine can be told: ORRIS_RUNS_RAY_…, for all pools; the rest is a pool's own, in its options."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from orris.errors import InvalidArgument
from orris_kit.config import settings_of


class RaySettings(BaseSettings):
    """Where Ray is on this machine.

    python: the interpreter that Ray is installed in; Ray demands the cluster's versions of both.
    address: of the cluster's head, HOST:PORT, for pools that name none. This machine must be part of the cluster.
    token_file: the cluster's token; without it, Ray's own variables and ~/.ray/auth_token.
    call_seconds: how long the cluster is waited for.
    """

    model_config = settings_of("runs_ray")

    python: Path = Path(sys.executable)
    address: str = ""
    token_file: Path | None = None
    call_seconds: float = Field(default=30, gt=0)

    def environment(self, around: Mapping[str, str]) -> dict[str, str]:
        """Return the variables of the program that has Ray: it has a token for the cluster, unless told otherwise."""
        own = {name: text for name, text in around.items() if not name.startswith(("ORRIS_", "PYTHON"))}
        token = {"RAY_AUTH_TOKEN_PATH": str(self.token_file)} if self.token_file else {}
        return {"RAY_AUTH_MODE": "token", **own, **token, "RAY_USAGE_STATS_ENABLED": "0"}


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """What a pool says to Ray.

    address: of the cluster's head. resource: the resource of which each machine for agents has one.
    python: the interpreter on these machines that `orris_agent` is installed in; empty for the one of Ray.
    folder: where agents keep their things on them. processors: how many `n_jobs=-1` means for joblib in a run that is
    spread; empty for as many as the cluster has at that time.
    """

    address: str
    resource: str = "orris"
    python: str = ""
    folder: str = "~/.local/share/orris-nodes"
    processors: str = ""


OPTIONS = frozenset(PoolOptions.__dataclass_fields__)


def pool_options(said: Mapping[str, str], default_address: str) -> PoolOptions:
    """Return the options as Ray takes them. Raises InvalidArgument (UNKNOWN_OPTION, NO_ADDRESS, ...)."""
    for name in sorted(said.keys() - OPTIONS):
        message = f"options: {name!r} is none of Ray's; there are {', '.join(sorted(OPTIONS))}"
        raise InvalidArgument(message, field="options", reason="UNKNOWN_OPTION")
    options = PoolOptions(**{"address": default_address, **{name: text for name, text in said.items() if text}})
    host, separator, port = options.address.rpartition(":")
    if not options.address:
        message = "options: `address` is missing: where the cluster's head listens, HOST:PORT"
        raise InvalidArgument(message, field="options", reason="NO_ADDRESS")
    if not (host and separator and port.isdecimal()) or "/" in host:
        message = f"options: address {options.address!r} is not HOST:PORT of a cluster's head"
        raise InvalidArgument(message, field="options", reason="INVALID_ADDRESS")
    if options.processors and not (options.processors.isdecimal() and int(options.processors) > 0):
        message = f"options: processors {options.processors!r} is not a whole number of 1 or more"
        raise InvalidArgument(message, field="options", reason="INVALID_PROCESSORS")
    return options
