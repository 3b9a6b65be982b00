"""No service ever unpickles or starts user code: as the code reads, and as processes behave."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import processes_of

SERVICES = Path(__file__).parents[2] / "services"

# Where programs are started, and which: each place has its reason.
STARTS_PROGRAMS = {
    "kit/orris_kit/process.py": "uv, and interpreters that are asked for their version",
    "standalone/orris_standalone/agent_process.py": "the agent",
    "standalone/orris_standalone/control.py": "the instance itself: `orris up -d`",
    "runs/orris_runs/engines/local.py": "the agents of pools on this machine",
    "runs/orris_runs/engines/ray/conversation.py": "what speaks Ray, in an interpreter of its own",
    "agent/orris_agent/removal.py": "chmod and rm",
    "agent/orris_agent/sources.py": "itself, for the patterns of a run's ignore file: to match them may take for ever",
    "agent/orris_agent/worker.py": "what a script that is spread has done on this machine: a run's own code",
    "agent/orris_agent/runtimes/process/warm/process.py": "the interpreters that runs are forks of",
    "agent/orris_agent/runtimes/process/supervisors.py": "the supervisors of runs: what an agent is for",
    "agent/orris_agent/supervisor/": "the runs themselves",
}
STARTING = {
    "subprocess", "multiprocessing", "pty", "runpy",
    "os.system", "os.popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.posix_spawnp", "os.startfile",
    "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "asyncio.subprocess",
}  # fmt: skip
UNPICKLING = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "skops", "torch"}
EXECUTING = {"exec", "eval", "compile", "__import__"}


def modules() -> list[Path]:
    """Return what services and agent execute.

    `inside*` and `launcher` are executed in users' environments instead, `cluster_side` in those of a Ray cluster.
    """
    others = ("inside", "launcher", "cluster_side")
    found = [path for path in SERVICES.rglob("*.py") if not any(part.startswith(others) for part in path.parts[:-1])]
    assert len(found) > 150
    return found


def uses(path: Path) -> Iterator[str]:
    """Give the dotted names that a module imports, calls or looks up."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module=str(module)):
                yield module
                yield from (f"{module}.{alias.name}" for alias in node.names)
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                yield f"{owner}.{name}"
            case ast.Call(func=ast.Name(id=name)):
                yield name
            case ast.keyword(arg=str(name)):
                yield f"keyword.{name}"


def starts_programs(name: str) -> bool:
    return name.split(".")[0] in STARTING or name in STARTING or name.startswith(("os.exec", "os.spawn"))


def test_programs_are_started_in_named_places_only() -> None:
    found = {str(path.relative_to(SERVICES)) for path in modules() if any(map(starts_programs, uses(path)))}
    places = {place: {path for path in found if path.startswith(place)} for place in STARTS_PROGRAMS}
    assert found == set().union(*places.values())
    assert all(places.values()), "a place that starts nothing any more is to be taken off the list"


def test_no_module_unpickles_or_executes_text() -> None:
    found = {(path, name) for path in modules() for name in uses(path) if unpickles_or_executes(name)}
    assert not found


def unpickles_or_executes(name: str) -> bool:
    return name.split(".")[0] in UNPICKLING | EXECUTING or name.rpartition(".")[2] in ("read_pickle", "allow_pickle")


# A pickle whose loading tells who loads it: the process, and its parents up to the first of them.
SPY = """
import json, os
def command(pid):
    return open(f"/proc/{pid}/cmdline", "rb").read().replace(b"\\0", b" ").decode()
def parent(pid):
    return int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
chain, pid = [], os.getpid()
while pid > 1:
    chain.append((pid, command(pid)))
    pid = parent(pid)
with open(SEEN, "a") as file:
    file.write(json.dumps(chain) + "\\n")
"""
TRAIN = """
import os, pickle, sys
from sklearn import datasets
from sklearn.dummy import DummyClassifier

class Trap:
    def __init__(self, code, model=None):
        self.text = f"[exec({code!r}), __import__('pickle').loads({pickle.dumps(model)!r})][1]"
    def __reduce__(self):
        return eval, (self.text,)

x, y = datasets.load_iris(return_X_y=True)
os.mkdir("outputs")
for name, code in (
    ("spy", "SEEN = " + repr(sys.argv[1]) + SPY),
    ("kills", "import os; os.kill(os.getpid(), 9)"),
    ("hangs", "import time; time.sleep(3600)"),
):
    with open(f"outputs/{name}.pkl", "wb") as file:
        pickle.dump(Trap(code, DummyClassifier().fit(x, y)), file)
"""


@pytest.fixture(scope="module")
def trapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Orris, Path]]:
    """An instance that soon loses its patience with models that hang, one run with models in it, and what is told."""
    home, folder = tmp_path_factory.mktemp("trapped"), tmp_path_factory.mktemp("project")
    seen = folder / "seen.jsonl"
    (folder / "train.py").write_text(f"SPY = {SPY!r}\n{TRAIN}")
    limits = {"ORRIS_MODELS_CONVERSION_TIME_LIMIT": "6", "ORRIS_INFERENCE_LOAD_TIME_LIMIT": "6"}
    # What hangs holds up nothing else.
    orris = command_line(home, folder, **limits, ORRIS_AGENT_SLOTS="4")
    orris("up", "-d")
    try:
        orris("submit", "--environment", "orris-sklearn", "train.py", str(seen))
        run = json.loads(orris("runs", "list", "--json").stdout)[0]["runId"]
        for name in ("spy", "kills", "hangs"):
            orris("models", "register", name, f"outputs/{name}.pkl", "--run", run)
        yield home, orris, seen
    finally:
        orris("down")


def test_a_model_is_loaded_below_the_supervisor_of_a_run_and_nowhere_else(trapped: tuple[Path, Orris, Path]) -> None:
    home, orris, seen = trapped
    orris("deploy", "spy", "--name", "spy")
    assert json.loads(orris("predict", "spy", "--data", "[[1, 2, 3, 4]]").stdout) is not None
    loads: list[list[tuple[int, str]]] = [json.loads(line) for line in seen.read_text().splitlines()]
    programs = {next(word for word in chain[0][1].split() if word.endswith(".py")) for chain in loads}
    assert {"convert.py", "serve.py"} <= programs, "the examination and the replica load it"
    services = {pid for pid, command in processes_of(home).items() if "-m orris_" in command}
    assert len(services) == 2
    for chain in loads:
        assert chain[0][0] not in services
        assert any("orris_agent/supervisor" in command for _, command in chain[1:]), chain
        assert not {pid for pid, _ in chain} & {json.loads((home / "instance.json").read_text())["pid"]}


@pytest.mark.parametrize(("model", "words"), [("kills", "signal 9"), ("hangs", "not loaded within 6 s")])
def test_a_model_that_ends_or_holds_its_process_fails_its_endpoint_only(
    trapped: tuple[Path, Orris, Path], model: str, words: str
) -> None:
    home, orris, _ = trapped
    failed = orris("deploy", model, "--name", model, code=1)
    assert words in failed.stderr
    shown: dict[str, Any] = json.loads(orris("endpoints", "show", model, "--json").stdout)
    assert shown["state"] == "Failed"
    assert words in shown["error"]
    orris("endpoints", "delete", model)
    assert not any(command for command in processes_of(home).values() if f"{model}.pkl" in command)
    assert "Failed" in orris("models", "show", model).stdout
    assert "Completed" in orris("runs", "list").stdout


def test_nothing_of_it_has_shaken_the_services(trapped: tuple[Path, Orris, Path]) -> None:
    home, orris, _ = trapped
    assert json.loads((home / "instance.json").read_text())["pid"] in processes_of(home)
    orris("status")
    told = (home / "orris.log").read_text()
    assert '"level": "error"' not in told
    assert "Traceback" not in told
