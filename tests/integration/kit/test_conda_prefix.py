"""An environment of conda packages: there as a whole or not at all, from a channel in a folder or on a server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from orris.errors import Cancelled, FailedPrecondition, OrrisError, Unavailable
from orris_kit import conda_prefix
from orris_kit.conda_channels import CondaChannels
from orris_kit.conda_package import CondaPackage
from orris_kit.environment_folder import is_ready
from tests.servers.certificates import certified
from tests.servers.conda_channel import Package, add, put
from tests.servers.conda_lab import module
from tests.servers.conda_locks import locked
from tests.servers.programs import free_ports
from tests.servers.web import web

ID = "a" * 32
PYGMENTS = "pygments==2.18.0 --hash=sha256:b8e6aca0523f3ab76fee51799c488e38782ac06eafcf95e7ba832985c8e7b13a\n"


class Machine:
    """A machine with a cache and environments of its own."""

    def __init__(self, folder: Path) -> None:
        self.environ = {**os.environ, "RATTLER_CACHE_DIR": str(folder / "cache")}
        self.environments = folder / "environments"
        self.log: list[str] = []

    def make(self, channels: str | Path, packages: list[CondaPackage], requirements: str = "", **rest: Any) -> Path:
        where = CondaChannels.parse(str(channels), "TEST")
        options: dict[str, Any] = {"environ": self.environ, "channels": where, **rest}
        return conda_prefix.make(self.environments / ID, packages, requirements, ID, self.log.append, **options)

    @property
    def left(self) -> list[str]:
        return [path.name for path in self.environments.iterdir() if path.name != ".locks"]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def said(*command: str | Path) -> str:
    return subprocess.check_output([*map(str, command)], text=True, env={}).strip()


def test_what_is_made_runs_where_it_is(conda_lab: Path, machine: Machine) -> None:
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1", "tool")
    folder = machine.make(conda_lab, packages)
    assert said(folder / "bin" / "prefix-of-python") == str(folder)
    assert said(folder / "bin" / "nest") == "7.0.1"
    assert (folder / "share/tool/link").read_bytes().startswith(b"\x7fdata\0" + bytes(folder) + b"/share\0")
    assert machine.left == [ID]
    assert machine.log[-1].startswith(f"environment {ID} made in ")


def test_old_archives_are_installed_as_new_ones(conda_lab: Path, machine: Machine) -> None:
    folder = machine.make(conda_lab, locked(conda_lab / "lab", "python", "nest-6.0"))
    assert said(folder / "bin" / "nest") == "6.0"


def test_a_second_environment_takes_nothing_from_the_channel(conda_lab: Path, machine: Machine) -> None:
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1")
    with web(conda_lab) as server:
        first = machine.make(server.address, packages)
        asked = sorted(path.rpartition("/")[2] for path in server.paths)
        assert asked == sorted(one.file_name for one in packages)
        first.rename(first.with_name("first"))
    assert said(machine.make(server.address, packages) / "bin" / "nest") == "7.0.1"
    assert not any(line.startswith("downloading") for line in machine.log[len(packages) + 2 :])


def test_links_lead_to_the_cache_of_orris_and_copies_nowhere(conda_lab: Path, machine: Machine) -> None:
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1")
    links = machine.make(conda_lab, packages)
    assert {path.stat().st_nlink for path in links.glob("lib/python3*/os.py")} == {2}
    links.rename(links.with_name("links"))
    copied = machine.make(conda_lab, packages, link_mode="copy")
    assert {path.stat().st_nlink for path in copied.rglob("*.py")} == {1}


@pytest.mark.needs("pypi")
def test_what_pip_adds_runs_there_too(conda_lab: Path, machine: Machine) -> None:
    folder = machine.make(conda_lab, locked(conda_lab / "lab", "python", "nest-7.0.1"), PYGMENTS)
    assert "version 2.18.0" in said(folder / "bin" / "pygmentize", "-V")
    assert said(folder / "bin" / "python", "-c", "import pygments, nest; print(nest.__version__)") == "7.0.1"
    verify = (
        "import importlib.metadata as m; print([f.hash.value for f in m.files('pygments') if f.name == 'pygmentize'])"
    )
    digest = "import base64, hashlib, sys; print([base64.urlsafe_b64encode(hashlib.sha256(open(sys.argv[1], 'rb')"
    digest += ".read()).digest()).decode().rstrip('=')])"
    python = folder / "bin" / "python"
    assert said(python, "-c", verify) == said(python, "-c", digest, folder / "bin" / "pygmentize")


def test_bytecode_is_made_when_asked_for(conda_lab: Path, machine: Machine) -> None:
    folder = machine.make(conda_lab, locked(conda_lab / "lab", "python", "nest-7.0.1"), compile_bytecode=True)
    assert list(folder.glob("lib/python3*/site-packages/__pycache__/nest.*.pyc"))


@pytest.mark.needs("docker", "pypi")
def test_it_can_be_made_for_another_place(conda_lab: Path, machine: Machine, engine: Any) -> None:
    """In a container it is where it says that it is."""
    place = Path("/opt/orris/environment")
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1", "tool")
    folder = machine.make(conda_lab, packages, PYGMENTS, destination=place)
    inside = ["sh", "-c", "cd /opt/orris/environment/bin && ./prefix-of-python && ./nest && ./pygmentize -V"]
    mount = {str(folder): {"bind": str(place), "mode": "ro"}}
    output = engine.client.containers.run("orris-base:bookworm", inside, volumes=mount, remove=True).decode()
    assert output.splitlines()[:2] == [str(place), "7.0.1"]
    assert "version 2.18.0" in output
    assert str(folder) not in "".join(path.read_text("latin-1") for path in folder.glob("bin/*") if path.is_file())


def test_other_bytes_than_locked_are_refused(conda_lab: Path, machine: Machine) -> None:
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1")
    wrong = [packages[0], replace(packages[1], sha256="0" * 64)]
    for _ in range(2):  # the second time the archive was seen before
        with pytest.raises(FailedPrecondition, match=r"nest-7\.0\.1-0: its SHA-256 is .*, not 0000.* as locked"):
            machine.make(conda_lab, wrong)
    assert machine.left == []
    assert said(machine.make(conda_lab, packages) / "bin" / "nest") == "7.0.1"


def test_what_reaches_out_is_refused_and_leaves_nothing(conda_lab: Path, machine: Machine, tmp_path: Path) -> None:
    channel = tmp_path / "evil" / "lab"
    add(channel, Package("evil", "1.0", {"../../escaped": b"x"}))
    with pytest.raises(FailedPrecondition, match=r"evil-1\.0-0"):
        machine.make(
            f"{conda_lab}, {tmp_path / 'evil'}", [*locked(conda_lab / "lab", "python"), *locked(channel, "evil")]
        )
    assert machine.left == []
    assert not list(tmp_path.rglob("escaped"))


def test_packages_of_one_name_from_two_channels_are_not_confused(
    conda_lab: Path, machine: Machine, tmp_path: Path
) -> None:
    """Not in the cache either, where rattler has them by their names."""
    for channel, says in (("one", b"1"), ("two", b"2")):
        add(tmp_path / channel, Package("moss", "1.0", {"share/moss": says}))
    python, channels = locked(conda_lab / "lab", "python"), f"{conda_lab}, {tmp_path}"
    for channel, says in (("one", b"1"), ("two", b"2"), ("one", b"1")):
        folder = machine.make(channels, [*python, *locked(tmp_path / channel, "moss")])
        assert (folder / "share/moss").read_bytes() == says
        shutil.rmtree(folder)


def test_a_channel_is_looked_for_at_each_address(conda_lab: Path, machine: Machine, tmp_path: Path) -> None:
    with web(tmp_path) as empty, web(conda_lab) as server:
        folder = machine.make(f"{empty.address}, {server.address}", locked(conda_lab / "lab", "python", "nest-7.0.1"))
    assert said(folder / "bin" / "nest") == "7.0.1"


def test_a_package_that_is_gone_is_named(conda_lab: Path, machine: Machine, tmp_path: Path) -> None:
    channel = tmp_path / "lab"
    add(channel, module("moss", "1.0"))
    packages = locked(channel, "moss")
    (channel / "noarch" / "moss-1.0-0.conda").unlink()
    for channels in (tmp_path, None):
        with (
            web(tmp_path) as server,
            pytest.raises(FailedPrecondition, match=r"moss-1\.0-0\.conda is not in the channel lab"),
        ):
            machine.make(channels or server.address, packages)


def test_a_channel_without_an_address_is_named(conda_lab: Path, machine: Machine) -> None:
    with pytest.raises(FailedPrecondition, match="of the conda channel lab, and no address of it is configured here"):
        machine.make("", locked(conda_lab / "lab", "nest"))


def test_a_server_that_does_not_answer_may_later(conda_lab: Path, machine: Machine) -> None:
    with pytest.raises(Unavailable, match="a conda channel did not answer"):
        machine.make(f"http://127.0.0.1:{free_ports(1)[0]}", locked(conda_lab / "lab", "nest"))


def test_packages_without_a_python_are_no_environment(conda_lab: Path, machine: Machine) -> None:
    with pytest.raises(FailedPrecondition, match="no bin/python"):
        machine.make(conda_lab, locked(conda_lab / "lab", "tool"))
    assert machine.left == []


@pytest.mark.parametrize("login", ["ada:s3cret", "/t/tk-s3cret"])
def test_logins_are_used_and_never_shown(login: str, conda_lab: Path, machine: Machine) -> None:
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1")
    token = login.removeprefix("/t/") if "/" in login else ""
    with web(conda_lab, "" if token else login, token) as server:
        with pytest.raises(FailedPrecondition, match=r"refuses its reader|is not in the channel"):
            machine.make(server.address, packages)
        address = server.address + login if token else server.with_credentials(login)
        folder = machine.make(address, packages)
    assert said(folder / "bin" / "nest") == "7.0.1"
    shown = "\n".join(machine.log) + "".join(file.read_text() for file in (folder / "conda-meta").glob("*"))
    assert "s3cret" not in shown
    assert f'"url": "{server.address}/lab/' in shown


def test_logins_are_not_in_errors(conda_lab: Path, machine: Machine) -> None:
    with web(conda_lab, "ada:other") as server, pytest.raises(OrrisError) as caught:
        machine.make(server.with_credentials("ada:s3cret"), locked(conda_lab / "lab", "nest"))
    assert "s3cret" not in caught.value.message + "".join(machine.log)


def test_netrc_is_read(conda_lab: Path, machine: Machine, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password s3cret\n")
    machine.environ["NETRC"] = str(netrc)
    with web(conda_lab, "ada:s3cret") as server:
        machine.make(server.address, locked(conda_lab / "lab", "python"))


def test_the_certificates_of_the_machine_are_trusted(conda_lab: Path, machine: Machine, tmp_path: Path) -> None:
    authority, certificate, key = certified("127.0.0.1", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    packages = locked(conda_lab / "lab", "python")
    with web(conda_lab, context=context) as server:
        with pytest.raises(Unavailable, match="certificate"):
            machine.make(server.address, packages)
        machine.environ["SSL_CERT_FILE"] = str(authority)
        machine.make(server.address, packages)


def test_making_can_be_canceled(conda_lab: Path, machine: Machine) -> None:
    canceled = threading.Event()
    channels = CondaChannels.parse(str(conda_lab), "TEST")
    with pytest.raises(Cancelled):
        conda_prefix.make(
            machine.environments / ID, locked(conda_lab / "lab", "python", "nest"), "", ID, lambda _: canceled.set(),
            channels=channels, environ=machine.environ, cancel=canceled,
        )  # fmt: skip
    assert machine.left == []


def test_many_make_it_once(conda_lab: Path, machine: Machine) -> None:
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1")
    with ThreadPoolExecutor(3) as pool:
        folders = set(pool.map(lambda _: machine.make(conda_lab, packages), range(3)))
    assert len(folders) == 1
    assert sum(line.startswith("environment ") for line in machine.log) == 1


PROGRAM = """
import json, os, sys
from pathlib import Path
from orris_kit import conda_prefix
from orris_kit.conda_channels import CondaChannels
from orris_kit.conda_package import CondaPackage
packages = [CondaPackage(**one) for one in json.loads(sys.argv[1])]
channels = CondaChannels.parse(sys.argv[2], "TEST")
try:
    conda_prefix.make(Path(sys.argv[3]), packages, "", "a" * 32, print, channels=channels, environ=os.environ)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


def program(conda_lab: Path, machine: Machine, packages: list[CondaPackage]) -> list[str]:
    told = json.dumps([asdict(one) for one in packages])
    return [sys.executable, "-c", PROGRAM, told, str(conda_lab), str(machine.environments / ID)]


def test_a_maker_killed_half_way_leaves_nothing_that_counts(conda_lab: Path, machine: Machine) -> None:
    packages = locked(conda_lab / "lab", "python", "nest-7.0.1")
    maker = subprocess.Popen(program(conda_lab, machine, packages), env=machine.environ, stdout=subprocess.DEVNULL)
    while not list(machine.environments.glob(".*.tmp/lib")):
        assert maker.poll() is None
        time.sleep(0.001)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    assert not is_ready(machine.environments / ID)
    assert said(machine.make(conda_lab, packages) / "bin" / "nest") == "7.0.1"
    assert machine.left == [ID]


@pytest.mark.needs("tmpfs")
def test_a_full_disk_is_called_so(conda_lab: Path, machine: Machine, tmp_path: Path) -> None:
    cache = tmp_path / "small"
    cache.mkdir()
    mounted = [
        "unshare",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=4m tmpfs "$1" && shift && "$@"',
    ]
    argv = [*mounted, "sh", str(cache), *program(conda_lab, machine, locked(conda_lab / "lab", "python"))]
    environ = {**machine.environ, "RATTLER_CACHE_DIR": str(cache)}
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, check=False)
    assert "ResourceExhausted: the disk is full" in done.stderr


def test_what_is_no_archive_is_named(machine: Machine, tmp_path: Path) -> None:
    channel = tmp_path / "lab"
    put(channel, Package("moss", "1.0"), b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(FailedPrecondition, match=r"moss-1\.0-0"):
        machine.make(tmp_path, locked(channel, "moss"))
