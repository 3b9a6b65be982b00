"""A real PostgreSQL: a server of one's own in a temporary folder, gone afterwards.

with postgres() as server:
    url = server.create("lab")
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

from tests.servers.programs import Program, free_ports

USER = "orris"
# Nothing in it has to survive a power cut.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "max_connections=200")


@dataclass(frozen=True)
class Server:
    """A server that runs: its administrator's database, and the program to stop and start, if it is one's own."""

    url: str
    program: Program | None = None

    def create(self, name: str) -> str:
        """Make a database; return its URL."""
        self.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        """Return the URL of a database."""
        return sa.make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: sql.Composed) -> None:
        """Run a statement as the administrator, outside a transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def answers(self) -> bool:
        """Tell whether it takes connections."""
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def programs() -> Path | None:
    """Return the folder of `postgres` and `initdb`: on PATH, else the newest that Debian has; None without."""
    if (found := shutil.which("postgres")) and shutil.which("initdb"):
        return Path(found).parent
    known = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(known, key=lambda path: float(path.parent.name), default=None)


@contextmanager
def postgres(*settings: str) -> Iterator[Server]:
    """Run a server on loopback until the block ends, with `settings` (`name=value`): by default fast, not durable."""
    with tempfile.TemporaryDirectory(prefix="orris-postgres-") as temporary:
        folder = Path(temporary)
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        _make_cluster(folder / "data")
        (port,) = free_ports(1)
        server = Server(f"postgresql://{USER}@127.0.0.1:{port}/postgres")
        listen = ("listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}")
        options = [word for each in (*(settings or FAST), *listen) for word in ("-c", each)]
        argv = _as_user([_path("postgres"), "-D", str(folder / "data"), *options])
        program = Program(argv, {}, folder / "log", server.answers, end=signal.SIGINT)
        program.start()
        try:
            yield Server(server.url, program)
        finally:
            program.stop()


def _make_cluster(data: Path) -> None:
    """Make a cluster that sorts as dictionaries do: what relies on another order is found out."""
    command = [_path("initdb"), "-D", str(data), "-U", USER, "--auth=trust", "--encoding=UTF8", "--no-sync"]
    for locale in (["--locale=C", "--locale-provider=icu", "--icu-locale=en"], []):
        done = subprocess.run(_as_user([*command, *locale]), capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    raise RuntimeError(f"initdb failed:\n{done.stderr[-2000:]}")


def _path(name: str) -> str:
    folder = programs()
    if folder is None:
        raise RuntimeError("no postgres on PATH or in /usr/lib/postgresql")
    return str(folder / name)


def _as_user(command: list[str]) -> list[str]:
    """Return a command that PostgreSQL does not refuse: it does root's."""
    if os.geteuid() != 0:
        return command
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=INT", "--", *command]
