"""The whole story on this machine, in a home of its own: environment, run, model, endpoint, prediction.

Prints what happens and how long each step takes, and leaves nothing running and nothing behind.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent / "train_iris"
FLOWERS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]

_steps: list[tuple[str, float]] = []


@contextmanager
def step(title: str) -> Iterator[None]:
    """Announce a step and remember how long it took."""
    print(f"\n--- {title}", flush=True)
    begin = time.perf_counter()
    yield
    _steps.append((title, time.perf_counter() - begin))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="orris-demo-", ignore_cleanup_errors=True) as home, place_of_its_own():
        os.environ["ORRIS_HOME"] = home
        for name in ("ORRIS_ADDRESS", "ORRIS_TOKEN", "ORRIS_TOKEN_FILE"):
            os.environ.pop(name, None)
        from orris_standalone import control

        with step("orris up -d"):
            control.up(Path(home), None, None, foreground=False)
        try:
            story()
        finally:
            with step("orris down"):
                control.down(Path(home))
    report()
    return 0


@contextmanager
def place_of_its_own() -> Iterator[None]:
    """Keep bytes below the store that is set, if one is, and leave nothing there."""
    store = os.environ.get("ORRIS_ARTIFACTS_STORE")
    if not store:
        yield
        return
    os.environ["ORRIS_ARTIFACTS_STORE"] = place = f"{store.rstrip('/')}/demo-{secrets.token_hex(4)}"
    print(f"Bytes are kept in {place}")
    try:
        yield
    finally:
        from orris_artifacts.config import Settings
        from orris_artifacts.store.opening import open_store

        opened = open_store(Settings(), lambda: datetime.now(UTC))
        opened.delete([each.key for each in opened.list("")])
        opened.close()


def story() -> None:
    """Go from a script to a prediction, as a user would."""
    from orris import Environment, Experiment, Model, ResourceConfiguration, ScriptRunConfig, SweepConfig, Workspace
    from orris.sdk.sweep_space import choice

    workspace = Workspace.get("default")
    environment = Environment.from_conda_specification("sklearn-iris", HERE / "conda_dependencies.yml")

    with step("environment: resolve, lock, install"):
        environment.build(workspace).wait_for_completion(show_output=True)

    source = ScriptRunConfig(
        source_directory=HERE,
        script="train_iris.py",
        arguments=["--kernel", "linear", "--penalty", 1.0],
        environment=environment,
    )
    with step("run: submit, watch, keep outputs"):
        run = Experiment(workspace, "train-iris").submit(source)
        run.wait_for_completion(show_output=True)
    print("Metrics:", json.dumps(run.get_metrics()))
    print("Kept:   ", ", ".join(run.get_file_names()))

    with step("sweep: four kernels, three penalties"):
        space = {"kernel": choice("linear", "rbf", "poly", "sigmoid"), "penalty": choice(0.5, 1.0, 1.5)}
        sweep = Experiment(workspace, "train-iris").sweep(SweepConfig(source, space, "Accuracy"))
        for _ in sweep.watch():
            pass
    assert sweep.best is not None
    print(f"Best:    Accuracy {sweep.best.best_value} with {sweep.best.hyperparameters}")

    with step("model: register, convert to ONNX, compare"):
        model = run.register_model(
            model_name="sklearn-iris",
            model_path="outputs/model.joblib",
            model_framework=Model.Framework.SCIKITLEARN,
            resource_configuration=ResourceConfiguration(cpu=1, memory_in_gb=0.5),
        )
        model.wait_for_conversion()
    print(f"{model.id}: conversion {model.conversion}")

    with step("endpoint: deploy without code"):
        endpoint = Model.deploy(workspace, "iris", [model])
        endpoint.wait_for_deployment(show_output=True)

    with step("predict: POST /score"):
        answer = endpoint.run(json.dumps({"data": FLOWERS, "method": "predict"}))
    print("/score:", answer)
    with step("predict: Open Inference Protocol v2"):
        answer = predict_v2(endpoint.scoring_uri, endpoint.get_keys()[0])
    print("V2:    ", answer)


def predict_v2(scoring_uri: str, key: str) -> list[object]:
    """Ask the same through the protocol that any V2 client speaks."""
    server, _, rest = scoring_uri.partition("/api/")
    name = rest.split("/")[2]
    tensor = {"name": "X", "datatype": "FP64", "shape": [len(FLOWERS), 4], "data": FLOWERS}
    request = urllib.request.Request(
        f"{server}/v2/models/{name}/infer",
        data=json.dumps({"inputs": [tensor], "outputs": [{"name": "predict"}]}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        outputs: list[object] = json.load(response)["outputs"][0]["data"]
    return outputs


def report() -> None:
    """Print how long each step took."""
    print("\nStep                                             Seconds")
    for title, seconds in _steps:
        print(f"{title:<48} {seconds:7.2f}")


if __name__ == "__main__":
    sys.exit(main())
