"""Runs of the demo script against it under the same interpreter: one, a hundred at once; how late logs come."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import orris_agent
from orris import Environment, Experiment, ScriptRunConfig, Workspace
from orris.names import ImageName
from orris_kit.virtualenv import python_of
from tests.bench.programs import output
from tests.bench.rows import Row, interleaved, measured, seconds, skipped
from tests.bench.standalone import home_folder, instance
from tests.conftest import missing
from tests.e2e.processes import processes_of
from tests.servers.docker import BASE_IMAGE, engine
from tests.servers.registry import registry

DEMO = Path(__file__).parents[2] / "demo" / "train_iris"
SCRIPT, ARGUMENTS = "train_iris.py", ["--kernel", "linear", "--penalty", "1.0"]
INSIDE = Path(orris_agent.__file__).parent / "inside"
REPETITIONS, WARM_UP = 9, 2
MANY, ROUNDS = 100, 3
IDLE_SECONDS = 10.0
PAUSE_SECONDS = 5.0
NOTHING_WAITS = {"ORRIS_AGENT_LAUNCHERS": "0"}
# Prints when it prints, ten lines every millisecond.
PRINTS = """
import time
begin = time.monotonic()
for number in range(30_000):
    while time.monotonic() < begin + number / 10_000:
        time.sleep(0.0005)
    print(time.time())
"""


def rows() -> Iterator[Row]:
    with home_folder() as home, instance(home):
        workspace = Workspace.get("default")
        environment = Environment.from_conda_specification("iris", DEMO / "conda_dependencies.yml")
        build = environment.build(workspace).wait_for_completion(show_output=False)
        python = python_of(home / "environments" / ImageName.parse(build.image).image)
        folder = shutil.copytree(DEMO, home / "script")
        took = interleaved(
            WARM_UP + REPETITIONS,
            lambda: seconds(lambda: _submit(workspace, environment)),
            lambda: seconds(lambda: _bare(folder, python)),
        )
        ours, reference = (each[WARM_UP:] for each in took)
        yield measured("run: submit to Completed / python train_iris.py", "s", ours, reference, goal="<= 0.25")
        took = interleaved(
            ROUNDS,
            lambda: seconds(lambda: _submit_many(workspace, environment)),
            lambda: seconds(lambda: _bare_many(folder, python)),
        )
        yield measured(f"run: {MANY} at once on two slots / xargs -P2 python train_iris.py", "s", *took, goal="<= 0.1")
        yield measured(
            "run: p99 from print to a reader, 10,000 lines a second",
            "s",
            _late(workspace, environment),
            goal="< 0.05 s",
        )
        yield measured("run: processor time of an idle instance", "%", [_idle(home)], goal="< 1 %")
    yield _in_containers()


def _in_containers() -> Row:
    """Measure runs in containers that wait for them against the same in new ones."""
    row, goal = "run: in a container that waits / in a new one, submit to Completed", "<= 0.5"
    if reason := missing("docker") or missing("registry"):
        return skipped(row, "s", goal, reason)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        for name in ("engine", "registry"):
            (folder / name).mkdir()
        running = stack.enter_context(engine(folder / "engine"))
        where = stack.enter_context(registry(folder / "registry"))
        settings = {"DOCKER_HOST": running.host, "ORRIS_IMAGES_BUILDER": "oci", "ORRIS_IMAGES_BASE_IMAGE": BASE_IMAGE}
        settings |= where.environment("ORRIS_IMAGES") | where.environment("ORRIS_AGENT")
        return measured(row, "s", *(_contained({**settings, **each}) for each in ({}, NOTHING_WAITS)), goal=goal)


def _contained(settings: dict[str, str]) -> list[float]:
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        with home_folder() as home, instance(home):
            workspace = Workspace.get("default")
            environment = Environment.from_conda_specification("iris", DEMO / "conda_dependencies.yml")
            environment.build(workspace).wait_for_completion(show_output=False)
            return [_one_contained(workspace, environment) for _ in range(WARM_UP + REPETITIONS)][WARM_UP:]
    finally:
        os.environ.clear()
        os.environ.update(before)


def _one_contained(workspace: Workspace, environment: Environment) -> float:
    took = seconds(lambda: _submit(workspace, environment, isolation="container"))
    time.sleep(PAUSE_SECONDS)  # a person's, while the next container gets ready
    return took


def _submit(workspace: Workspace, environment: Environment, isolation: str | None = None) -> None:
    config = ScriptRunConfig(DEMO, SCRIPT, arguments=ARGUMENTS, environment=environment, isolation=isolation)
    details = Experiment(workspace, "iris").submit(config).wait_for_completion()
    assert details["status"] == "Completed", details


def _submit_many(workspace: Workspace, environment: Environment) -> None:
    config = ScriptRunConfig(DEMO, SCRIPT, arguments=ARGUMENTS, environment=environment)
    experiment = Experiment(workspace, "iris")
    with ThreadPoolExecutor(8) as clients:
        made = list(clients.map(lambda _: experiment.submit(config), range(MANY)))
    for run in made:
        assert run.wait_for_completion()["status"] == "Completed"


def _bare_many(folder: Path, python: Path) -> None:
    command = ["xargs", "-P2", "-I{}", str(python), SCRIPT, *ARGUMENTS]
    environment = {**os.environ, "PYTHONPATH": str(INSIDE)}
    words = "\n".join(map(str, range(MANY)))
    subprocess.run(command, input=words, text=True, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


def _late(workspace: Workspace, environment: Environment) -> list[float]:
    """Return how late the last lines of a hundred were, at the 99th percentile, when a reader had them."""
    with TemporaryDirectory() as name:
        (Path(name) / "prints.py").write_text(PRINTS)
        run = Experiment(workspace, "late").submit(ScriptRunConfig(name, "prints.py", environment=environment))
        late: list[float] = []
        rest = b""
        for data in run.follow_log():
            now = time.time()
            *lines, rest = (rest + data).split(b"\n")
            late += [now - float(line) for line in lines]
    assert len(late) == 30_000, f"{len(late)} lines came"
    return [sorted(late)[int(0.99 * len(late))]]


def _idle(home: Path) -> float:
    """Return how much of a processor all processes of an instance take that has nothing to do, in percent."""
    time.sleep(IDLE_SECONDS)  # what runs have left to do is done
    before = {pid: _ticks(pid) for pid in processes_of(home)}
    time.sleep(IDLE_SECONDS)
    used = sum(max(0, _ticks(pid) - ticks) for pid, ticks in before.items())
    return 100 * used / os.sysconf("SC_CLK_TCK") / IDLE_SECONDS


def _ticks(pid: int) -> int:
    """Return the processor time of a process, in the kernel's ticks; 0 of one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _bare(folder: Path, python: Path) -> None:
    command = [str(python), SCRIPT, *ARGUMENTS]
    environment = {**os.environ, "PYTHONPATH": str(INSIDE)}
    output(command, cwd=folder, env=environment)
