"""Two artifacts services as processes, over one database and one bucket."""

from __future__ import annotations

import json
import secrets
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.sdk.connection import Connection
from orris.sdk.transfer import Transfer
from orris_kit.auth import Principal, Role, TokenSigner
from tests.servers.object_storage import ObjectStorage
from tests.servers.programs import Program, free_ports


class Twins:
    """The services: each at an address of its own, and `either` is the address of both."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._signer = TokenSigner(folder / "signing.key")
        self._logs = [folder / f"{number}.log" for number in (0, 1)]
        self.addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
        self.either = f"ipv4:{','.join(self.addresses)}"
        self.programs = []
        for number, (address, log) in enumerate(zip(self.addresses, self._logs, strict=True)):
            mine = {"ORRIS_HOME": str(folder / str(number)), "ORRIS_ARTIFACTS_LISTEN": address}
            env = {**settings, **mine, "ORRIS_PUBLIC_KEY": str(folder / "signing.pub")}
            argv = [sys.executable, "-m", "orris_artifacts"]
            self.programs.append(Program(argv, env, log, partial(listens, address)))

    def stub(self, address: str, role: Role = Role.USER) -> ArtifactServiceStub:
        """Return a client of the service at an address."""
        return Connection(address, self.token(role)).artifacts

    def token(self, role: Role) -> str:
        return self._signer.sign(Principal("ada", role, "lab"), timedelta(hours=1))

    def transfer(self, address: str) -> Transfer:
        return Transfer(self.stub(address), "lab")

    def said(self, number: int, message: str) -> int:
        """Return how often a service has said something."""
        lines = self._logs[number].read_text().split("\n")[:-1]  # the last one may be on its way
        return sum(json.loads(line).get("message") == message for line in lines if line.startswith("{"))


@contextmanager
def twins(folder: Path, database: str, storage: ObjectStorage, **settings: str) -> Iterator[Twins]:
    """Run the services over a database and an empty place in a storage; `settings` without ORRIS_ARTIFACTS_."""
    more = {f"ORRIS_ARTIFACTS_{name}": value for name, value in settings.items()}
    kept = {"ORRIS_ARTIFACTS_DATABASE": database, **storage.environment(secrets.token_hex(6))}
    made = Twins(folder, {**kept, **more})
    with ExitStack() as stack:
        for each in made.programs:
            stack.callback(each.stop)
            each.start()
        yield made


def listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True
