"""An environment is there as a whole or not at all, made once whoever asks."""

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orris.errors import Cancelled, DeadlineExceeded, FailedPrecondition
from orris_images.build.virtualenv import VirtualenvBuilder
from orris_images.conda import parse_conda
from orris_images.interpreters import Interpreters
from orris_images.lock import Lock
from orris_images.locking import lock_spec
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Spec
from orris_kit import process, virtualenv
from orris_kit.interpreter import inspect_interpreter
from orris_kit.process import Log
from tests.integration.images.test_resolve import HOW_TO, Environ, Only

SMALL = Spec(packages=("six==1.16.0", "pytest-mock==3.12.0"))


@pytest.fixture(scope="module")
def small(interpreters: Interpreters, environ: Environ) -> tuple[Lock, Path]:
    lock, found = lock_spec(SMALL, interpreters, UvResolver(environ), print)
    return lock, found.path


def silent(percent: int, doing: str, *, pushing: bool = False) -> None:
    """Take note of nothing."""


def made(
    builder: VirtualenvBuilder, lock: Lock, python: Path, log: Log = print, cancel: threading.Event | None = None
) -> Path:
    """Make an environment; return its folder."""
    size = builder.build(lock, python, log, silent, cancel).size
    assert size > 1000
    return builder.folder(lock.image_id)


def told(location: Path, code: str) -> str:
    return subprocess.check_output([f"{location}/bin/python", "-W", "ignore", "-c", code], text=True).strip()


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".locks")


VERSIONS = "import numpy, sklearn; assert numpy.str is str; print(numpy.__version__, sklearn.__version__)"


@pytest.mark.needs("python3.6")
def test_the_how_to_runs_on_its_own_python(interpreters: Interpreters, environ: Environ, tmp_path: Path) -> None:
    lock, found = lock_spec(parse_conda(HOW_TO), interpreters, UvResolver(environ), print)
    location = made(VirtualenvBuilder(tmp_path, environ), lock, found.path)
    assert told(location, "import numpy, sklearn; print(numpy.__version__, sklearn.__version__)") == "1.19.5 0.24.2"
    assert told(location, "import numpy; print(numpy.str)") == "<class 'str'>"


def test_the_how_to_runs_on_a_substitute(only: Only, environ: Environ, tmp_path: Path) -> None:
    lock, found = lock_spec(parse_conda(HOW_TO), only("3.11"), UvResolver(environ), print)
    location = made(VirtualenvBuilder(tmp_path, environ), lock, found.path)
    assert told(location, VERSIONS) == "1.23.5 1.1.3"


def test_what_is_made_is_what_is_locked(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    lock, python = small
    log: list[str] = []
    location = made(VirtualenvBuilder(tmp_path, environ), lock, python, log.append)
    assert location == tmp_path / lock.image_id
    assert virtualenv.is_ready(location)
    there = inspect_interpreter(virtualenv.python_of(location), environ=environ)
    assert set(lock.packages) == set(there.packages)
    assert any("six==1.16.0" in line for line in log)
    assert left_in(tmp_path) == [lock.image_id]
    assert subprocess.run([location / "bin" / "pytest", "--version"], check=False).returncode == 0


def test_copies_share_nothing_with_the_cache(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    location = made(VirtualenvBuilder(tmp_path, environ, link_mode="copy"), *small)
    assert {path.stat().st_nlink for path in location.rglob("*.py")} == {1}


def test_links_lead_to_no_cache_but_that_of_orris(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    """A run that writes to its environment must not reach the cache of uv that its user has."""
    own = {name: value for name, value in environ.items() if name != "UV_CACHE_DIR"}
    own["XDG_CACHE_HOME"] = str(tmp_path / "caches")
    location = made(VirtualenvBuilder(tmp_path, own), *small)
    assert [path.name for path in (tmp_path / "caches").iterdir()] == ["orris"]
    cached = {path.stat().st_ino for path in (tmp_path / "caches" / "orris" / "uv").rglob("*.py")}
    linked = {path.stat().st_ino for path in location.rglob("*.py") if path.stat().st_nlink > 1}
    assert cached
    assert linked <= cached


def test_many_threads_make_it_once(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    log: list[str] = []
    builder = VirtualenvBuilder(tmp_path, environ)
    with ThreadPoolExecutor(8) as pool:
        locations = set(pool.map(lambda _: made(builder, *small, log.append), range(8)))
    assert len(locations) == 1
    assert sum(line.startswith("environment ") for line in log) == 1


PROGRAM = """
import os, sys
from pathlib import Path
from orris_images.build.virtualenv import VirtualenvBuilder
from orris_images.lock import Lock
lock = Lock.from_json(Path(sys.argv[1]).read_text())
builder = VirtualenvBuilder(Path(sys.argv[2]), dict(os.environ))
builder.build(lock, Path(sys.argv[3]), print, lambda percent, doing, *, pushing=False: None)
"""


def started(small: tuple[Lock, Path], tmp_path: Path) -> "subprocess.Popen[str]":
    lock, python = small
    file = tmp_path / "lock.json"
    file.write_text(lock.to_json())
    line = [sys.executable, "-c", PROGRAM, str(file), str(tmp_path / "environments"), str(python)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, text=True)


def test_many_processes_make_it_once(small: tuple[Lock, Path], tmp_path: Path) -> None:
    makers = [started(small, tmp_path) for _ in range(3)]
    output = "".join(maker.communicate(timeout=60)[0] for maker in makers)
    assert [maker.returncode for maker in makers] == [0, 0, 0]
    assert output.count(" made in ") == 1


def test_a_maker_killed_half_way_leaves_nothing_that_counts(
    small: tuple[Lock, Path], environ: Environ, tmp_path: Path
) -> None:
    environments = tmp_path / "environments"
    maker = started(small, tmp_path)
    while not list(environments.glob(".*.tmp")):
        time.sleep(0.001)
    maker.send_signal(signal.SIGKILL)
    maker.communicate()
    assert not virtualenv.is_ready(environments / small[0].image_id)
    made(VirtualenvBuilder(environments, environ), *small)
    assert left_in(environments) == [small[0].image_id]


def test_a_folder_without_its_marker_is_made_anew(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    half = tmp_path / small[0].image_id
    half.mkdir()
    (half / "rest").touch()
    made(VirtualenvBuilder(tmp_path, environ), *small)
    assert virtualenv.is_ready(half)
    assert not (half / "rest").exists()


def test_a_failure_leaves_nothing(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    wrong = f"six==1.16.0 --hash=sha256:{'0' * 64}\n"
    with pytest.raises(FailedPrecondition, match=r"(?s)cannot be installed.*[Hh]ash"):
        virtualenv.make(
            tmp_path / "a", small[1], wrong, "a", print, environ={**environ, "UV_CACHE_DIR": str(tmp_path / "c")}
        )
    assert left_in(tmp_path) == ["c"]


def test_what_is_deleted_is_gone_at_once(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    builder = VirtualenvBuilder(tmp_path, environ)
    made(builder, *small)
    builder.delete(small[0].image_id)
    assert not builder.is_there(small[0].image_id)
    assert left_in(tmp_path) == []
    builder.delete(small[0].image_id)


def test_it_is_told_how_far_it_is(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    percents: list[int] = []
    VirtualenvBuilder(tmp_path, environ).build(
        *small, print, lambda percent, doing, *, pushing=False: percents.append(percent)
    )
    assert percents == sorted(percents)
    assert percents[-1] == 95


def test_making_can_be_canceled(small: tuple[Lock, Path], environ: Environ, tmp_path: Path) -> None:
    canceled = threading.Event()
    canceled.set()
    with pytest.raises(Cancelled):
        made(VirtualenvBuilder(tmp_path, environ), *small, print, canceled)
    assert left_in(tmp_path) == []


def ended(pid: int) -> bool:
    """Look for a process, and give it a moment when it is there; a zombie that nobody reaps has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    time.sleep(0.02)
    return state == "Z"


def test_a_program_ends_with_all_that_it_started(environ: Environ, tmp_path: Path) -> None:
    canceled = threading.Event()
    pids: list[int] = []

    def log(line: str) -> None:
        pids.append(int(line))
        canceled.set()

    with pytest.raises(Cancelled):
        process.run(
            ["sh", "-c", "sleep 60 & echo $! >&2; wait"],
            environ=environ,
            cwd=tmp_path,
            timeout=30,
            log=log,
            cancel=canceled,
        )
    assert any(ended(pids[0]) for _ in range(100))


@pytest.mark.parametrize("stream", ["", " >&2"])
def test_output_without_end_is_bounded(stream: str, environ: Environ, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition if stream == "" else DeadlineExceeded):
        process.run(["sh", "-c", f"yes{stream}"], environ=environ, cwd=tmp_path, timeout=1, output_limit=10_000)
