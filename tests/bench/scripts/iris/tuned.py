"""The same trials by Ray Tune, on two processors: `tuned.py FOLDER SPACE REUSE`. Prints the seconds of `fit`.

Ray itself is up before the clock runs, as an instance of Orris is. A trial is an actor of Ray with a folder of its own;
with REUSE (true) an actor has one after the other.
"""

import json
import sys
import time

import ray
from ray import tune
from training import train


def trial(config):
    tune.report({"Accuracy": train(config["kernel"], config["penalty"])})


def main(folder, space, reuse):
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    tuner = tune.Tuner(
        trial,
        param_space={name: tune.grid_search(values) for name, values in space.items()},
        tune_config=tune.TuneConfig(metric="Accuracy", mode="max", reuse_actors=reuse),
        run_config=tune.RunConfig(storage_path=folder, verbose=0),
    )
    begin = time.perf_counter()
    results = tuner.fit()
    took = time.perf_counter() - begin
    assert len(results) == len(space["kernel"]) * len(space["penalty"])
    assert not results.errors, results.errors
    assert results.get_best_result().metrics["Accuracy"] > 0.97
    print(took)


if __name__ == "__main__":
    main(sys.argv[1], *map(json.loads, sys.argv[2:]))
