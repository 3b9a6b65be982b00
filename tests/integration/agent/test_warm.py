"""Warm runs: nothing tells them from fresh ones but what is listed here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from orris_agent.runtimes.warm.room import Limits
from tests.integration.agent.warm import FRESH, WARM, Ended, Machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of launchers are for Linux")

SCRIPTS = Path(__file__).parent / "scripts"
STATE = (SCRIPTS / "state.py").read_text()
LIBRARIES = ("numpy", "sklearn.svm", "joblib", "pandas", "multiprocessing", "logging")


@pytest.fixture(scope="module")
async def machine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Machine]:
    made = Machine(tmp_path_factory.mktemp("warm"))
    yield made
    await made.launchers.close()


async def both(machine: Machine, script: str, *arguments: str, **more: Any) -> tuple[Ended, Ended]:
    """Execute a script in a fresh interpreter and in a fork; return how each went."""
    fresh = await machine.run(script, *arguments, **more, **FRESH)
    warm = await machine.run(script, *arguments, **more, **WARM)
    assert warm.told == ""
    return fresh, warm


@pytest.mark.parametrize("libraries", [(), LIBRARIES], ids=["nothing", "libraries"])
async def test_a_warm_run_sees_what_a_fresh_one_sees(machine: Machine, libraries: tuple[str, ...]) -> None:
    """The second time, when what it imports was learned, too."""
    imports = "".join(f"import {name}\n" for name in libraries)
    script = STATE.replace("import sys\n", f"import sys\n{imports}", 1)
    for _ in range(2):
        fresh, warm = (json.loads(each.text) for each in await both(machine, script, "argument"))
        # What is different, and documented to be:
        assert fresh.pop("depth") + 1 == warm.pop("depth"), "the launcher's frame is below the program's"
        assert fresh.pop("exit handlers") + 1 == warm.pop("exit handlers"), "the launcher ends the process at last"
        assert fresh.pop("modules") == warm.pop("modules")
        # Above it is a process that forks for its supervisor, of the environment's Python instead of the agent's.
        parents = [each.pop("parent").rstrip("\0").split("\0")[1:5] for each in (fresh, warm)]
        assert parents[0] == parents[1]
        assert {name: (value, warm[name]) for name, value in fresh.items() if value != warm[name]} == {}


async def test_libraries_that_were_learned_are_there_before_they_are_imported(machine: Machine) -> None:
    """And nothing else is: neither what the script only mentions, nor what the launcher itself uses."""
    script = "import sys\nbefore = sorted(sys.modules)\nimport json\ndef never():\n    import csv\nprint(before)\n"
    first, second, third = [await machine.run(script, **WARM) for _ in range(3)]
    assert first.told == second.told == third.told == ""
    bare = (await machine.run("import sys\nprint(sorted(sys.modules))\n", **WARM)).text
    extra = set(json.loads(third.text.replace("'", '"'))) - set(json.loads(bare.replace("'", '"')))
    assert "json" in extra
    assert not any(name.startswith(("orris_agent", "ctypes", "select")) for name in extra)


ENDINGS = {path.stem: path.read_text() for path in sorted((SCRIPTS / "endings").iterdir()) if path.suffix == ".py"}
FILES = {
    "own.py": "class A:\n    def __del__(self):\n        print('gone with its module')\na = A()\n",
    "package/__init__.py": "",
    "package/part.py": "",
}


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_warm_run_ends_like_a_fresh_one(machine: Machine, ending: str) -> None:
    """The same log, byte for byte, the same exit code or signal, the same files."""
    fresh, warm = await both(machine, ENDINGS[ending], files=FILES)
    # The launcher's own frame makes room for fewer of the program's.
    counted = [re.sub(r"repeated \d+ more times", "repeated", each.text) for each in (fresh, warm)]
    assert counted[1] == counted[0]
    assert (warm.exit.exit_code, warm.exit.signal, warm.exit.reason) == (
        fresh.exit.exit_code,
        fresh.exit.signal,
        fresh.exit.reason,
    )
    kept = [
        {
            str(path.relative_to(each.folder.work))
            for path in each.folder.work.rglob("*")
            if "__pycache__" not in str(path)
        }
        for each in (fresh, warm)
    ]
    assert kept[0] == kept[1]
    for name in kept[0]:
        if (fresh.folder.work / name).is_file():
            assert (warm.folder.work / name).read_bytes() == (fresh.folder.work / name).read_bytes()


async def test_a_script_that_comes_again_is_what_it_was_the_first_time(machine: Machine) -> None:
    """Its code is compiled once for all that follow: it knows the files, and shows the lines, of its own run."""
    script = """
import inspect, sys, traceback
class A:
    def method(self):
        return [(lambda: sys._getframe().f_code.co_filename)(), inspect.getsource(A.method), __file__, sys.argv[0]]
print(A().method(), inspect.currentframe().f_code.co_filename, A.method.__code__.co_consts[1:2])
def fail():
    raise ValueError("on purpose")
try:
    fail()
except ValueError:
    traceback.print_exc(file=sys.stdout)
fail()
"""
    fresh = await machine.run(script, **FRESH)
    for _ in range(4):
        warm = await machine.run(script, **WARM)
        assert (warm.told, warm.text, warm.exit.exit_code) == ("", fresh.text, 1)
        assert str(warm.folder.work).encode() in warm.log


async def test_a_script_that_has_changed_is_another(machine: Machine) -> None:
    for said in ("once", "twice", "twice", "twice", "thrice"):
        ended = await machine.run(f"import json\nprint({said!r})", **WARM)
        assert (ended.told, ended.text) == ("", f"{said}\n")
    for _ in range(3):
        fresh, warm = await both(machine, "import json\nprint('so far'\n")
        assert warm.exit.exit_code == fresh.exit.exit_code == 1
        assert warm.text == fresh.text


@pytest.mark.needs("python3.6")
async def test_scripts_of_one_content_know_their_own_names(tmp_path: Path, python36: str) -> None:
    machine = Machine(tmp_path, python=python36)
    content = "import sys\nwarm = 'json' in sys.modules\nimport json\nprint(warm, sys._getframe().f_code.co_filename)"
    for name in ("one.py", "one.py", "other.py", "other.py", "one.py"):
        ended = await machine.run("", files={name: content}, **{**WARM, "script": name})
        assert (ended.told, ended.text) == ("", f"True {name}\n")
    await machine.launchers.close()


async def test_each_run_draws_random_numbers_of_its_own(machine: Machine) -> None:
    script = "import random, numpy, uuid, os\nprint(random.random(), numpy.random.rand(), uuid.uuid4(), os.urandom(4))"
    drawn = [(await machine.run(script, **WARM)).text for _ in range(4)]
    assert len(set(drawn)) == 4
    numbers = [each.split()[:2] for each in drawn]
    assert len({number for each in numbers for number in each}) == 8


async def test_a_run_sets_its_own_seed_as_ever(machine: Machine) -> None:
    script = "import random, numpy\nrandom.seed(1)\nnumpy.random.seed(1)\nprint(random.random(), numpy.random.rand())"
    fresh, warm = await both(machine, script)
    assert warm.text == fresh.text


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"environment_variables": {"OMP_NUM_THREADS": "1"}}, "it sets OMP_NUM_THREADS"),
        ({"environment_variables": {"PYTHONHASHSEED": "0"}}, "it sets PYTHONHASHSEED"),
        ({"secret_environment_variables": {"LD_PRELOAD": ""}}, "it sets LD_PRELOAD"),
        ({"of_environment": {"PYTHONPATH": "src"}}, "its environment sets PYTHONPATH"),
        ({"script": "", "command": ["sh", "-c", "echo said"]}, "it is no script in Python"),
        ({"script": "", "command": ["python", "-c", "print('said')"]}, "it is no script in Python"),
        ({"resources": {"cpus": 1}}, "its number of processors is set"),
    ],
)
async def test_what_could_tell_the_difference_starts_fresh_and_says_why(
    machine: Machine, fields: dict[str, Any], why: str
) -> None:
    ended = await machine.run("print('said')", **{**WARM, **fields})
    assert ended.text == "said\n"
    assert ended.told.startswith(f"It was not started warm: {why}")


async def test_a_command_that_is_a_script_is_warm(machine: Machine) -> None:
    script = {"script": "", "command": ["python", "main.py", "a"]}
    ended = await machine.run("import sys; print(sys.argv)", **{**WARM, **script})
    assert (ended.text, ended.told) == ("['main.py', 'a']\n", "")


async def test_a_variable_that_an_import_looks_at_makes_a_run_fresh(machine: Machine) -> None:
    """scikit-learn reads it when it is imported."""
    script = "import sklearn, os\nprint(os.environ.get('SKLEARN_SITE_JOBLIB'), os.environ.get('SCIPY_ARRAY_API'))\n"
    assert (await machine.run(script, **WARM)).told == ""
    ended = await machine.run(script, **WARM, environment_variables={"SCIPY_ARRAY_API": "1"})
    assert "looks at SCIPY_ARRAY_API" in ended.told
    assert ended.text.split()[-1] == "1"


async def test_a_file_of_the_run_takes_the_place_of_an_installed_module(machine: Machine) -> None:
    script = "import joblib\nprint(joblib.__file__)"
    assert "site-packages" in (await machine.run(script, **WARM)).text
    ended = await machine.run(script, files={"joblib.py": ""}, **WARM)
    assert ended.text.endswith("work/joblib.py\n")
    ended = await machine.run(script, files={"numpy/__init__.py": "", "threading.py": ""}, **WARM)
    assert ended.told.startswith("It was not started warm: its own ")


@pytest.mark.parametrize(
    "change",
    ["sys.path.insert(0, 'lib')", "sys.path[:0] = ['lib']", "sys.path = ['lib', *sys.path]"],
)
async def test_a_script_that_changes_where_modules_are_found_gets_those(machine: Machine, change: str) -> None:
    script = f"import sys\n{change}\nimport joblib\nprint(joblib.__file__)"
    ended = await machine.run(script, files={"lib/joblib.py": ""}, **WARM)
    assert ended.text.endswith("lib/joblib.py\n")
    assert "it changes sys.path" in ended.told
    behind = script.replace(change, "sys.path.append('lib'); print(sys.path[0] == sys.path[-2])")
    assert (await machine.run(behind, files={"lib/joblib.py": ""}, **WARM)).told == ""


@pytest.mark.parametrize(
    "setting",
    [
        "os.environ['OPENBLAS_NUM_THREADS'] = '1'",
        "os.environ.setdefault('SCIPY_ARRAY_API', '1')",
        "os.environ.update(OMP_NUM_THREADS='1')",
        "os.putenv('MKL_NUM_THREADS', '1')",
        "for name in ('OMP_NUM_THREADS', 'A'): os.environ[name] = '1'",
    ],
)
async def test_a_variable_that_a_script_sets_before_its_imports_is_seen_by_them(machine: Machine, setting: str) -> None:
    ended = await machine.run(f"import os\n{setting}\nimport sklearn", **WARM)
    assert re.search(r"it sets \w+ itself, which what it imports looks at", ended.told)
    other = f"import os\n{setting}\nimport sklearn".replace("NUM_THREADS", "OF_MINE").replace("ARRAY_API", "OF_MINE")
    ended = await machine.run(re.sub("OPENBLAS|OMP|MKL|SCIPY", "ANY", other), **WARM)
    assert (ended.exit.exit_code, ended.told) == (0, "")


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("import random; own = random.Random()", "draws numbers by chance"),
        ("import numpy; own = numpy.random.default_rng()", "draws numbers by chance"),
        ("import uuid; own = uuid.uuid4()", "draws numbers by chance"),
        ("import random; random.seed(42)", "seeds what numbers are drawn from"),
        ("import numpy; numpy.random.seed(42)", "seeds what numbers are drawn from"),
        ("from os import getpid; own = getpid()", "asks for the process's id"),
        ("import os; own = os.getcwd()", "asks for the working directory"),
        ("own = open(__file__)", "opens files"),
    ],
)
async def test_a_module_whose_import_asks_for_what_is_each_process_s_own_is_left_to_the_runs(
    tmp_path: Path, module: str, why: str
) -> None:
    machine = Machine(tmp_path)
    packages = next((tmp_path / "environments").glob("*/lib/python*/site-packages"))
    (packages / "asking.py").write_text(module)
    (packages / "seeded.py").write_text("import random, tempfile; own = random.Random(1); id = random.getrandbits(24)")
    script = "import asking, seeded\nprint('here')"
    for _ in range(2):
        assert (await machine.run(script, **WARM)).told == ""
    (launcher,) = machine.launchers._places
    unfit = machine.launchers._lessons.of(launcher.lesson).unfit
    assert list(unfit) == ["asking"]
    assert why in unfit["asking"]
    await machine.launchers.close()


async def test_nothing_that_was_noticed_is_left_behind(machine: Machine) -> None:
    """Who has taken a function by its name has that function."""
    script = (
        "import random, os, tempfile, multiprocessing, joblib\nprint(random._urandom, os.getpid, random.Random.seed)"
    )
    fresh, warm = await both(machine, script)
    assert warm.text == fresh.text
    assert "asking" not in warm.text


async def test_a_module_that_prints_when_it_is_imported_prints_in_each_run(machine: Machine) -> None:
    fresh, warm = await both(machine, "import this, joblib\nprint('then')")
    assert warm.text == fresh.text
    assert "Zen" in (await machine.run("import this, joblib\nprint('then')", **WARM)).text


async def test_a_launcher_that_was_killed_is_replaced(machine: Machine) -> None:
    script = "import json, os\nprint(os.getppid())\n"
    assert (await machine.run(script, **WARM)).told == ""
    killed = launchers_of(machine)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    told = [(await machine.run(script, **WARM)).told for _ in range(3)]
    assert told[-1] == ""
    assert set(launchers_of(machine)) - set(killed)


async def test_runs_like_one_that_crashed_are_fresh(machine: Machine) -> None:
    script = "import os, colorsys, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
    assert (await machine.run(script, **WARM)).exit.signal == signal.SIGSEGV
    ended = await machine.run(script, **WARM)
    assert "a run ended by signal 11" in ended.told
    assert ended.exit.signal == signal.SIGSEGV


async def test_there_are_as_many_launchers_as_there_is_room_for(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Limits(number=2))
    for module in ("colorsys", "json", "csv"):
        assert (await machine.run(f"import {module}", **WARM)).told == ""
    await until(lambda: len(launchers_of(machine)) == 2)
    small = Machine(tmp_path / "small", Limits(memory=1))
    for module in ("colorsys", "json"):
        assert (await small.run(f"import {module}", **WARM)).told == ""
    await until(lambda: len(launchers_of(small)) == 1)  # the one that is needed now
    await machine.launchers.close()
    await small.launchers.close()
    await until(lambda: launchers_of(machine) == launchers_of(small) == [])


async def test_a_launcher_that_nobody_needs_is_ended(tmp_path: Path) -> None:
    machine = Machine(tmp_path, Limits(idle=2))
    assert (await machine.run("import json", **WARM)).told == ""
    await until(lambda: not launchers_of(machine))
    assert (await machine.run("import json", **WARM)).told == ""
    await machine.launchers.close()


async def test_a_launcher_is_heard_over_a_socket_and_leaves_no_descriptor(tmp_path: Path) -> None:
    """The event loop (uvloop) closes a pipe's descriptor twice: between, another thread may open a file with it.

    What others in this process have opened meanwhile they have not opened each time.
    """
    machine = Machine(tmp_path)
    assert (await machine.run("import json", **WARM)).told == ""
    found = []
    for _ in range(3):
        await machine.launchers.close()
        await until(lambda: not launchers_of(machine))
        before = connections()
        assert (await machine.run("import json", **WARM)).told == ""
        opened = connections() - before
        await machine.launchers.close()
        await until(lambda: not launchers_of(machine))
        await asyncio.sleep(0)
        found.append((opened, opened & connections()))
    assert any(opened and not left and all(each.startswith("socket:") for each in opened) for opened, left in found), (
        found
    )


async def test_one_persons_launcher_is_not_anothers(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    for person in ("ada", "bob", "ada"):
        assert (await machine.run("import bisect, this_is_not_there", submitted_by=person, **WARM)).told == ""
    await until(lambda: len(launchers_of(machine)) == 2)  # one may be about to replace another
    await machine.launchers.close()


async def test_a_warm_run_is_canceled_like_any_other(machine: Machine) -> None:
    script = "import signal, time\nsignal.signal(signal.SIGTERM, lambda *_: print('asked'))\nprint('ready')\n"
    lease, folder = machine.lease({"main.py": script + "while True: time.sleep(0.05)"}, **WARM)
    assert await machine.runtime().start(lease, folder) == ""
    await until(lambda: folder.std_log.exists() and b"ready" in folder.std_log.read_bytes())
    machine.runtime().cancel(folder)
    ended = await machine.ended(folder)
    assert (ended.exit.reason, ended.text) == ("canceled", "ready\nasked\n")


async def test_what_a_killed_supervisor_leaves_is_found(machine: Machine) -> None:
    """A fork of the run, which has no supervisor, parent or variables of its own to be known by but the run's."""
    script = "import os, time\nif os.fork() == 0:\n    os.setsid()\nprint('ready', flush=True)\ntime.sleep(600)"
    lease, folder = machine.lease({"main.py": script}, **WARM)
    await machine.runtime().start(lease, folder)
    await until(lambda: folder.std_log.exists() and folder.std_log.read_bytes().count(b"ready") == 2)
    os.kill(json.loads((folder.root / "supervisor.json").read_text())["pid"], signal.SIGKILL)
    ending = await machine.runtime().wait(folder)
    assert ending.exit is None
    assert not [pid for pid, command in commands() if str(folder.root) in command or _is_below(pid, folder.root)]


@pytest.mark.needs("python3.6")
async def test_old_interpreters_are_forked_too(tmp_path: Path, python36: str) -> None:
    machine = Machine(tmp_path, python=python36)
    script = "import argparse, json, sys\nprint(sys.version_info[:2], sys.argv, __file__, sys.path[0])\n1 / 0"
    for _ in range(2):
        fresh, warm = await both(machine, script, "a")
        assert warm.text == fresh.text
        assert warm.exit.exit_code == fresh.exit.exit_code == 1
    await machine.launchers.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - files and processes
            await asyncio.sleep(0.02)


def connections() -> set[str]:
    """Return the pipes and the sockets that this process has open, but for those of networks.

    They come and go: clients of servers that are gone try to reach them again.
    """
    sockets = {f"socket:[{line.split()[6]}]" for line in Path("/proc/net/unix").read_text().splitlines()[1:]}
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(os.readlink(path))
    return {each for each in found if each.startswith("pipe:") or each in sockets}


def launchers_of(machine: Machine) -> list[int]:
    """Return the pids of a machine's launchers: forks that are runs or supervisors look otherwise."""
    return [pid for pid, words in commands() if str(machine.environments) in words and "importlib_bootstrap" in words]


def _is_below(pid: int, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return Path(os.readlink(f"/proc/{pid}/cwd")).is_relative_to(folder)
    return False


def commands() -> list[tuple[int, str]]:
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                found.append((int(path.name), (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()))
    return found
