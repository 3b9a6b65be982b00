"""The supervisor of a run, with real processes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orris_agent import control
from orris_agent.exits import Exit
from orris_agent.folder import RunFolders
from orris_agent.runtimes.port import StartError
from orris_agent.runtimes.process import supervisors as process
from orris_agent.supervisor.tree import processes, stat_fields

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a test in /proc")

# Ends up as a child of nobody, in a session of its own, deaf to SIGTERM.
ESCAPEE = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():
    time.sleep(0.01)
"""


@dataclass
class Supervised:
    """A run's folder, and what its program is started with."""

    folder: Path

    def start(
        self,
        *argv: str,
        limit: float | None = None,
        cwd: Path | None = None,
        cpus: float = 0,
        memory_bytes: int = 0,
        **env: str,
    ) -> None:
        env.setdefault("PATH", os.environ["PATH"])
        limits = {"cpus": cpus, "memory_bytes": memory_bytes}
        process.start(self.folder, argv, env, cwd or self.folder / "work", limit, limits)

    def python(self, script: str, *arguments: str, limit: float | None = None) -> None:
        self.start(sys.executable, "-c", script, *arguments, limit=limit)

    def exit(self, seconds: float = 40.0) -> Exit:
        handle = process.open_handle(self.folder)
        if handle is not None:
            assert select.select([handle], [], [], seconds)[0], "the supervisor did not end"
            os.close(handle)
        ended = process.read_exit(self.folder)
        assert ended is not None
        assert self.left() == []
        return ended

    def left(self) -> list[int]:
        """Return the processes of the run that are there."""
        mark = f"ORRIS_RUN_FOLDER={self.folder}".encode()
        return sorted(pid for pid, _, _ in processes() if mark in _environ(pid))

    def supervisor(self) -> int:
        return int(json.loads((self.folder / "supervisor.json").read_text())["pid"])

    def log(self) -> bytes:
        path = self.folder / "std_log.txt"
        return path.read_bytes() if path.exists() else b""


def _environ(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def until(condition: Callable[[], object], seconds: float = 40.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "did not come true"
        time.sleep(0.01)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Supervised]:
    (tmp_path / "work").mkdir()
    supervised = Supervised(tmp_path)
    yield supervised
    process.cancel(tmp_path)
    for pid in supervised.left():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("script", "code", "number"),
    [("exit 0", 0, None), ("exit 3", 3, None), ("kill -9 $$", None, 9), ("kill -15 $$", None, 15)],
)
def test_records_how_the_program_ended(run: Supervised, script: str, code: int | None, number: int | None) -> None:
    before = time.time()
    run.start("/bin/sh", "-c", script)
    ended = run.exit()
    assert (ended.exit_code, ended.signal, ended.reason) == (code, number, None)
    assert before <= ended.start_time <= ended.end_time <= time.time()
    assert ended.max_rss_bytes > 1 << 20
    assert (run.folder / "exit.json").stat().st_mode & 0o777 == 0o600
    assert (run.folder / "command.json").stat().st_mode & 0o777 == 0o600


def test_output_arrives_byte_by_byte(run: Supervised) -> None:
    """Invalid UTF-8 included, stderr in its place, and stdin is empty."""
    run.python(
        "import os, sys; os.write(1, b'\\xff\\x00a\\r\\n'); os.write(2, b'err'); os.write(1, os.read(0, 9) + b'.')"
    )
    assert run.exit().exit_code == 0
    assert run.log() == b"\xff\x00a\r\nerr."


def test_the_program_starts_from_a_clean_slate(run: Supervised) -> None:
    """Its own session, the given environment and directory, no descriptors, no ignored or blocked signals."""
    script = """
import os, signal
assert os.getsid(0) == os.getpid() == os.getpgid(0)
assert set(os.environ) - {"LC_CTYPE"} == {"ORRIS_RUN_FOLDER", "PATH", "X"}, os.environ
assert os.environ["X"] == "\\u00e9"
assert os.path.basename(os.getcwd()) == "work"
assert os.umask(0) == 0o022
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
assert int(status["SigBlk"], 16) == 0, status["SigBlk"]
for name in os.listdir("/proc/self/fd"):
    if int(name) > 2:
        try:
            path = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        raise SystemExit(path)
"""
    run.start(sys.executable, "-c", script, X="é")
    assert run.exit().exit_code == 0, run.log()


def test_signals_have_their_defaults(run: Supervised) -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run.start("/bin/grep", "SigIgn", "/proc/self/status")
    finally:
        signal.signal(signal.SIGHUP, previous)
    run.exit()
    kept_by_libc = 0b11 << 31  # signals 32 and 33: no program can set them, so what was inherited stays
    assert int(run.log().split()[1], 16) & ~kept_by_libc == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["/nowhere/python"], "/nowhere/python: No such file or directory"),
        (["no-such-program"], "no-such-program: it is not in PATH"),
        (["./script"], "./script: Permission denied"),
        (["./bad"], "./bad: the interpreter or loader that it names does not exist"),
        (["./text"], "./text: it is neither a program"),
    ],
)
def test_says_which_file_cannot_be_started(run: Supervised, argv: list[str], message: str) -> None:
    (run.folder / "work/script").write_text("#!/bin/sh\n")
    (run.folder / "work/bad").write_text("#!/nowhere/sh\n")
    (run.folder / "work/text").write_text("hello")
    for name in ("bad", "text"):
        (run.folder / "work" / name).chmod(0o755)
    run.start(*argv)
    ended = run.exit()
    assert (ended.exit_code, ended.signal, ended.reason) == (None, None, "start_failed")
    assert message in ended.message


def test_says_which_directory_is_missing(run: Supervised) -> None:
    run.start("/bin/true", cwd=run.folder / "nowhere")
    ended = run.exit()
    assert ended.reason == "start_failed"
    assert f"working directory {run.folder}/nowhere" in ended.message


def test_stands_on_its_own(run: Supervised) -> None:
    """Not a child of who started it, nor of its session: so no zombie, and no signal meant for the agent."""
    run.start("/bin/sleep", "600")
    pid = run.supervisor()
    assert process.is_alive(run.folder)
    assert int(stat_fields(pid)[1]) != os.getpid()
    assert os.getsid(pid) == pid != os.getsid(0)
    assert {os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)} == {"/dev/null"}
    assert process.cancel(run.folder)
    assert run.exit().reason == "canceled"
    assert not process.is_alive(run.folder)
    assert not process.cancel(run.folder)
    assert not process.has_died(run.folder)


def test_a_folder_is_executed_once(run: Supervised) -> None:
    command: dict[str, object] = {
        "argv": ["/bin/sh", "-c", "echo once; sleep 0.3"],
        "env": {},
        "cwd": "/",
        "time_limit_seconds": None,
    }
    (run.folder / "command.json").write_text(json.dumps(command))
    launcher = [sys.executable, "-I", "-S", "-B", str(process.SUPERVISOR), str(run.folder)]
    launched = [subprocess.Popen(launcher) for _ in range(4)]
    assert [one.wait(20) for one in launched] == [0, 0, 0, 0]
    run.start("/bin/echo", "twice")
    run.exit()
    run.start("/bin/echo", "thrice")
    assert run.log() == b"once\n"


@pytest.mark.needs("python3.6")
def test_supervises_with_python_3_6(run: Supervised, python36: str) -> None:
    argv = ["sh", "-c", "echo ok; (setsid sleep 600 &)"]
    command: dict[str, object] = {
        "argv": argv,
        "env": {"PATH": os.environ["PATH"]},
        "cwd": "/",
        "time_limit_seconds": 60,
    }
    (run.folder / "command.json").write_text(json.dumps(command))
    subprocess.run([python36, "-I", "-S", "-B", str(process.SUPERVISOR), str(run.folder)], check=True, timeout=20)
    assert run.exit().exit_code == 0
    assert run.log() == b"ok\n"


def test_a_supervisor_that_cannot_start_says_so(run: Supervised) -> None:
    with pytest.raises(StartError, match="argv"):
        process.start(run.folder, [], {}, run.folder)
    assert not (run.folder / "supervisor.json").exists()
    run.start("/bin/true")  # nothing was done, so it can be done again
    assert run.exit().exit_code == 0


def test_cancel_lets_the_program_say_goodbye(run: Supervised) -> None:
    run.python("""
import os, signal, sys, time
def leave(*_):
    os.write(1, b" goodbye")
    sys.exit(7)
signal.signal(signal.SIGTERM, leave)
os.write(1, b"ready")
while True: time.sleep(600)
""")
    until(run.log)
    process.cancel(run.folder)
    ended = run.exit()
    assert (ended.exit_code, ended.signal, ended.reason) == (7, None, "canceled")
    assert run.log() == b"ready goodbye"


def test_cancel_ends_what_ignores_it_wherever_it_hides(run: Supervised) -> None:
    escaped = run.folder / "escaped"
    script = f"""
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b" asked"))
{ESCAPEE}
os.write(1, b"ready")
while True: time.sleep(600)
"""
    run.python(script, str(escaped))
    until(run.log)
    assert len(run.left()) == 2
    process.cancel(run.folder)
    ended = run.exit()
    assert (ended.signal, ended.reason) == (9, "canceled")
    assert run.log() == b"ready asked"  # SIGKILL was not the first it heard


def test_cancel_catches_up_with_what_forks_on_and_on(run: Supervised) -> None:
    run.python("""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("x", flush=True)
until = time.time() + 120
while time.time() < until:  # each lives for a moment and leaves the next
    time.sleep(0.002)
    if os.fork() > 0:
        os._exit(0)
    os.setsid()
""")
    until(run.log)
    ended = run.exit()  # its main process ended with the first fork
    assert (ended.exit_code, ended.reason) == (0, None)


def test_what_the_program_leaves_behind_is_ended(run: Supervised) -> None:
    run.python(ESCAPEE, str(run.folder / "escaped"))
    ended = run.exit()
    assert (ended.exit_code, ended.reason) == (0, None)
    assert not Path(f"/proc/{(run.folder / 'escaped').read_text()}").exists()


def test_time_limit(run: Supervised) -> None:
    run.start("/bin/sleep", "600", limit=0.3)
    ended = run.exit()
    assert (ended.signal, ended.reason) == (15, "time_limit")
    assert "0.3 seconds" in ended.message


def test_a_lease_that_runs_out_ends_the_run_without_a_word(run: Supervised) -> None:
    """When it does is what the file says now: unit tests have the clock for it."""
    control.set_deadline(run.folder, control.boottime() + 600)
    run.python("""
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: os.write(1, b" asked"))
os.write(1, b"ready")
while True: time.sleep(600)
""")
    until(run.log)
    control.set_deadline(run.folder, control.boottime())
    ended = run.exit()
    assert (ended.signal, ended.reason) == (9, "lease_lost")
    assert run.log() == b"ready"


def test_nothing_is_started_when_the_lease_has_run_out(run: Supervised) -> None:
    control.set_deadline(run.folder, control.boottime() - 1)
    run.start("/bin/echo", "started")
    ended = run.exit()
    assert (ended.exit_code, ended.signal, ended.reason) == (None, None, "lease_lost")
    assert not (run.folder / "std_log.txt").exists()


def test_a_deadline_that_cannot_be_read_changes_nothing(run: Supervised) -> None:
    (run.folder / "deadline").write_text("nan")
    run.start("/bin/sleep", "0.2")
    assert run.exit().exit_code == 0


def test_a_killed_supervisor_is_recognised_and_its_run_can_be_ended(run: Supervised) -> None:
    run.python(ESCAPEE + "\nprint('x', flush=True); time.sleep(600)", str(run.folder / "escaped"))
    until(run.log)
    before = run.left()
    os.kill(run.supervisor(), signal.SIGKILL)
    until(lambda: process.has_died(run.folder))
    escaped = int((run.folder / "escaped").read_text())
    until(lambda: run.left() == [escaped])  # the main process never outlives its supervisor
    assert len(before) == 2
    assert process.kill_leftovers(run.folder) == [escaped]
    assert run.left() == []
    assert process.read_exit(run.folder) is None


def test_a_reused_pid_is_never_taken_for_the_supervisor(run: Supervised) -> None:
    stranger = subprocess.Popen(["/bin/sleep", "600"])
    try:
        (run.folder / "supervisor.json").write_text(json.dumps({"pid": stranger.pid, "start_ticks": 1}))
        assert not process.is_alive(run.folder)
        assert not process.cancel(run.folder)
        assert process.has_died(run.folder)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_orphans_are_reaped_while_the_program_runs(run: Supervised) -> None:
    run.start("/bin/sh", "-c", "for i in 1 2 3; do (sleep 0.05 &) ; done; sleep 0.2; echo x; sleep 600")
    until(run.log)

    def zombies() -> int:
        supervisor = str(run.supervisor()).encode()
        found = 0
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                found += stat_fields(int(name))[:2] == [b"Z", supervisor]
        return found

    until(lambda: zombies() == 0)


def test_an_idle_supervisor_uses_no_processor(run: Supervised) -> None:
    """It wakes once a second to look at the lease. Who turns in a loop wakes, or works, a hundred times as much."""
    control.set_deadline(run.folder, control.boottime() + 600)
    run.start("/bin/sleep", "600")
    time.sleep(0.3)
    pid = run.supervisor()

    def work() -> tuple[int, int]:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return int(status["voluntary_ctxt_switches"]), sum(map(int, stat_fields(pid)[11:13]))

    wakings, ticks = work()
    time.sleep(2)
    now_wakings, now_ticks = work()
    assert now_wakings - wakings <= 20
    assert now_ticks - ticks <= 10  # hundredths of a second


MIB = 1024**2
HUNGRY = """
import time
held = []
while True:
    held.append(b"x" * (8 * 1024**2))
    time.sleep(0.01)
"""


def test_a_run_that_uses_more_memory_than_it_was_given_is_ended(run: Supervised) -> None:
    run.start(sys.executable, "-c", HUNGRY, memory_bytes=150 * MIB)
    ended = run.exit()
    assert (ended.signal, ended.reason) == (9, "out_of_memory")
    said = re.fullmatch(r"used ([0-9.]+) MiB of memory and was given 150 MiB", ended.message)
    assert said is not None, ended.message
    assert 150 < float(said[1]) < 1500
    assert ended.max_memory_bytes > 150 * MIB


def test_the_memory_of_all_processes_together_counts_wherever_they_hide(run: Supervised) -> None:
    """Three of them keep to it alone, together they do not; two are of other sessions, one is an orphan."""
    script = """
import os, time
def hold():
    held = b"x" * (60 * 1024**2)
    time.sleep(600)
for orphan in (False, True):
    if os.fork() == 0:
        os.setsid()
        if not orphan or os.fork() == 0:
            hold()
        os._exit(0)
hold()
"""
    run.start(sys.executable, "-c", script, memory_bytes=150 * MIB)
    assert run.exit().reason == "out_of_memory"


def test_memory_that_processes_share_counts_once(run: Supervised) -> None:
    """Nor does what only mirrors a file, which the kernel takes back: 100 MiB are held here, 600 MiB are mapped."""
    script = """
import mmap, os, sys, time
held = b"x" * (100 * 1024**2)
with open("big", "wb") as file:
    file.write(bytes(200 * 1024**2))
    file.flush()
    os.fsync(file.fileno())
mapped = mmap.mmap(os.open("big", os.O_RDONLY), 0, prot=mmap.PROT_READ)
sum(mapped[at] for at in range(0, len(mapped), 4096))
children = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
    children.append(pid)
print("ready", flush=True)
time.sleep(3)
for pid in children:
    os.kill(pid, 9)
"""
    run.start(sys.executable, "-c", script, memory_bytes=250 * MIB)
    ended = run.exit()
    assert (ended.exit_code, ended.reason) == (0, None), (ended.message, run.log())


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor: there is none to choose")
def test_runs_are_kept_to_processors_of_their_own(tmp_path: Path) -> None:
    """As many as they asked for, rounded up; a second run gets others than the first while there are any."""
    kept = []
    script = """
import os, time
print(*os.sched_getaffinity(0), os.environ.get('OMP_NUM_THREADS'), flush=True)
time.sleep(600)
"""
    runs = [Supervised(tmp_path / name) for name in ("first", "second")]
    try:
        for one in runs:
            (one.folder / "work").mkdir(parents=True)
            one.start(sys.executable, "-c", script, cpus=0.5)
            until(one.log)
            kept.append(one.log().split())
    finally:
        for one in runs:
            process.cancel(one.folder)
    assert [len(words) for words in kept] == [2, 2]
    assert kept[0][0] != kept[1][0]
    assert {words[1] for words in kept} == {b"None"}
    for one in runs:
        one.exit()


def test_a_run_that_asks_for_more_processors_than_there_are_gets_all(run: Supervised) -> None:
    run.start(sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))", cpus=4096)
    assert run.exit().exit_code == 0
    assert int(run.log()) == len(os.sched_getaffinity(0))


def test_what_a_run_uses_is_sampled(run: Supervised) -> None:
    """A line for every look, the first after two seconds; none for a run that ends before."""
    run.python("held = b'x' * (64 * 1024**2)\nwhile True: sum(range(1000))")
    samples = run.folder / "usage.jsonl"
    until(lambda: samples.exists() and samples.read_text().count("\n") >= 2)
    process.cancel(run.folder)
    ended = run.exit()
    first, second = [json.loads(line) for line in samples.read_text().splitlines()[:2]]
    assert first["time"] < second["time"]
    assert 0 < first["cpu_seconds"] <= second["cpu_seconds"] <= ended.cpu_seconds
    assert 64 * MIB < second["memory_bytes"] <= ended.max_memory_bytes


def test_a_short_run_is_not_sampled(run: Supervised) -> None:
    run.start("/bin/true")
    assert run.exit().exit_code == 0
    assert not (run.folder / "usage.jsonl").exists()


def test_what_ended_before_the_machine_was_started_again_is_lost(run: Supervised) -> None:
    """Its record is there, but nobody knows which of its files had reached the disk."""
    run.start("/bin/sh", "-c", "exit 0")
    assert run.exit().exit_code == 0
    supervisor = json.loads((run.folder / "supervisor.json").read_text())
    (run.folder / "supervisor.json").write_text(json.dumps({**supervisor, "boot": "another"}))
    assert process.read_exit(run.folder) is None
    assert not process.is_alive(run.folder)
    assert process.has_started(run.folder)


@pytest.mark.parametrize("left", [None, b"", b"\0" * 80], ids=["nothing", "an empty file", "zeros"])
def test_what_may_have_begun_before_the_machine_was_started_again_is_lost(tmp_path: Path, left: bytes | None) -> None:
    """Whatever has become of its supervisor's file: it was not forced to the disk."""
    folder = RunFolders(tmp_path / "runs").create("r", "l")
    folder.note_beginning()
    assert not process.has_started(folder.root)
    note = json.loads((folder.root / "lease.json").read_text())
    (folder.root / "lease.json").write_text(json.dumps({**note, "boot": "another"}))
    if left is not None:
        (folder.root / "supervisor.json").write_bytes(left)
    assert process.has_started(folder.root)
    assert not process.is_alive(folder.root)
    assert process.read_exit(folder.root) is None
    assert folder.lease_id() == "l"
