"""The suite of deploy/: every image built, everything started by Compose, and the main job run against it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import wait_until
from tests.e2e.test_story import FLOWERS
from tests.servers.docker import Engine, base_archive
from tests.servers.programs import free_ports

pytestmark = [pytest.mark.needs("docker", "compose", "minio")]

ROOT = Path(__file__).parents[2]
JOB = ROOT / "demo" / "train_iris"


class Suite:
    """The suite on an engine; `orris` is the command line against it."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self.folder = folder
        self.port, self.http_port, registry_port = free_ports(3)
        self._settings = {
            "ORRIS_PORT": str(self.port),
            "ORRIS_HTTP_PORT": str(self.http_port),
            "ORRIS_REGISTRY_PORT": str(registry_port),
            "ORRIS_PUBLIC_URL": f"http://127.0.0.1:{self.http_port}",
            "ORRIS_AGENT_FOLDER": str(folder / "agent"),
            "ORRIS_NETWORK": "orris-of-a-test",
            "ORRIS_DOCKER_SOCKET": str(engine.socket),
            "ORRIS_CERTIFICATES": os.environ.get("SSL_CERT_FILE", ""),
        }

    def build(self) -> None:
        """Build all images, from Debian's packages."""
        settings = self._run(str(ROOT / "deploy/debian/build"), ORRIS_BASE_ARCHIVE=str(base_archive()))
        self._settings |= dict(line.split("=", 1) for line in settings.splitlines())

    def compose(self, *arguments: str) -> str:
        options = ("--project-name", "orris-test", "--project-directory", str(ROOT / "deploy"))
        return self._run("docker-compose", *options, "-f", str(ROOT / "deploy/compose.yaml"), *arguments)

    def up(self) -> None:
        """Start it, and wait until its agent is there."""
        self.compose("up", "--detach", "--quiet-pull")
        token = self.compose("exec", "-T", "runs", "cat", "/tokens/user.token")
        (self.folder / "user.token").write_text(token)
        wait_until(lambda: "connected" in self.orris("agents", "list").stdout)

    def orris(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ORRIS_")}
        env |= {
            "ORRIS_ADDRESS": f"127.0.0.1:{self.port}",
            "ORRIS_TOKEN_FILE": str(self.folder / "user.token"),
            "ORRIS_HOME": str(self.folder / "home"),
        }
        argv = [str(ROOT / ".venv/bin/orris"), *arguments]
        done = subprocess.run(argv, cwd=JOB, env=env, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def _run(self, *argv: str, **settings: str) -> str:
        env = {**os.environ, "DOCKER_HOST": self._engine.host, "DOCKER_BUILDKIT": "0", **self._settings, **settings}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=900, check=False)
        assert done.returncode == 0, (argv, done.stdout[-4000:], done.stderr[-4000:])
        return done.stdout


@pytest.fixture(scope="module")
def suite(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    made = Suite(engine, tmp_path_factory.mktemp("suite"))
    made.build()
    try:
        made.up()
        yield made
    finally:
        made.compose("down", "--volumes", "--timeout", "5")


def test_the_main_job_runs_in_containers_and_its_model_answers(suite: Suite) -> None:
    orris = suite.orris
    orris("submit", "--conda", "conda_dependencies.yml", "train_iris.py", "--kernel", "linear", "--penalty", "1.0")
    (run,) = json.loads(orris("runs", "list", "--json").stdout)
    metrics = json.loads(orris("runs", "metrics", run["runId"], "--json").stdout)
    assert metrics["Accuracy"] == pytest.approx(0.9736842105263158)
    orris("models", "register", "sklearn-iris", "outputs/model.joblib", "--run", run["runId"])
    orris("deploy", "sklearn-iris", "--name", "iris")
    found = json.loads(orris("endpoints", "show", "iris", "--json").stdout)
    assert found["state"] == "Healthy"
    assert json.loads(orris("predict", "iris", "--data", FLOWERS, "--method", "predict").stdout) == [0, 2]


def test_a_replica_in_a_container_answers_under_any_name_of_project_and_network(suite: Suite, engine: Engine) -> None:
    folder = suite.folder / "scoring"
    folder.mkdir()
    (folder / "score.py").write_text(
        "import os\n\n\ndef init():\n    pass\n\n\ndef run(data):\n    return [data, os.getuid()]\n"
    )
    (folder / "greeting.txt").write_text("hello")
    suite.orris("models", "register", "greeting", str(folder / "greeting.txt"), "--framework", "Custom")
    script = ("--code", "score.py", "--source", str(folder), "--environment", "orris-inference")
    suite.orris("deploy", "greeting", "--name", "scored", *script)
    told = json.loads(suite.orris("predict", "scored", "--data", '"hi"').stdout)
    assert told == ['"hi"', 10001]
    suite.orris("endpoints", "delete", "scored")
    # It would outlive the suite, as it outlives its agent.
    wait_until(lambda: not engine.client.api.containers(all=True, filters={"label": "io.orris.run"}), 120)


def test_passwords_are_made_and_kept(suite: Suite) -> None:
    before = suite.compose("exec", "-T", "runs", "cat", "/secrets/pgpass")
    suite.compose("up", "--detach", "--force-recreate", "credentials")
    assert suite.compose("exec", "-T", "runs", "cat", "/secrets/pgpass") == before


def test_curated_environments_are_made_at_the_start(suite: Suite) -> None:
    def state() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(suite.compose("ps", "--all", "--format", "json", "curated"))
        return found

    wait_until(lambda: state()["State"] == "exited", 300)
    assert state()["ExitCode"] == 0
    found = json.loads(suite.orris("environments", "list", "--json").stdout)
    assert all(each["image"] for each in found if each["name"] in ("orris-sklearn", "orris-inference"))
    assert "orris-sklearn, conversion of its models: Succeeded" in suite.compose("logs", "curated")
