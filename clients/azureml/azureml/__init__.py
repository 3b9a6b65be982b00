"""Azure ML's SDK v1, answered by Orris on machines you own: `import azureml.core` and go on.

    from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace

    ws = Workspace.from_config()
    env = Environment.from_conda_specification(name="sklearn-env", file_path="conda_dependencies.yml")
    src = ScriptRunConfig(source_directory=".", script="train_iris.py", compute_target="local", environment=env)
    run = Experiment(ws, "Tutorial-TrainIRIS").submit(src)
    run.wait_for_completion(show_output=True)

What is covered
---------------
Workspace, Experiment, Run, ScriptRunConfig, RunConfiguration, Environment and CondaDependencies, AmlCompute, Dataset,
Datastore and OutputFileDatasetConfig, Model, deployment without code and with a scoring script (InferenceConfig,
Webservice, AciWebservice, AksWebservice, LocalWebservice), sweeps (azureml.train.hyperdrive), the exceptions,
RunDetails. Every other name that public code imports can be imported too; using it raises an exception that says what
to do instead.

What differs
------------
- A compute target is a pool of this name; AmlCompute.provisioning_configuration makes one whose nodes are processes of
  the service's machine, unless ORRIS_POOL_ENGINE names another engine. Sizes of machines are processors and memory.
- ScriptRunConfig also has `distribution="joblib"`, which spreads what a script gives joblib over a cluster that is on
  Ray, and `max_retries`: how often a run whose machine was lost begins again, by default 3 with
  `vm_priority="lowpriority"`, as what Azure preempts does, else never.
- Data is where a run is told it is. An absolute `path_on_compute` is that place in a container only; else it is a
  warning.
- Logs are streamed as they are written, by offset: nothing is printed twice. Where Azure prints the address of a web
  page, the command stands that shows the same.
- A failed run or deployment says why in its exception: the end of the script's own traceback.
- No credentials: authentication classes are accepted and not used. `subscription_id` and `resource_group` are what
  config.json says, or what the constructor was given; Orris does not look at them.
- Deployments have no key unless `auth_enabled=True`, as on ACI (on AKS unless `auth_enabled=False`); without one, only
  this machine is answered.
- Cores and memory of a deployment are what its machine must have; they limit it where it runs in a container.
- What a scoring script imports as `inference_schema` is added to its environment where that lacks it. As on Azure, text
  that `run()` returns is encoded once more. 500 stays 500: there is no front end that makes it 502.
- A model is served by the very environment that trained it, or as ONNX whose answers were compared with the original's.
  `model_framework_version` is recorded as claimed, beside the one that was found.
- An environment that says nothing about Python gets the one Orris runs with, not 3.8. Docker images are not used.
- A sweep (HyperDriveConfig) takes a ScriptRunConfig; there are no estimators and pipelines. A child that its policy
  ended is Canceled, as on Azure, and "EarlyStopped" in `get_children_sorted_by_primary_metric()`. Bayesian sampling
  takes all expressions with bounds, and policies.
- `DockerConfiguration(use_docker=True)` is a container where this instance has them, else the run is what runs there.
- `.git` and `__pycache__` are left out of snapshots unless `.amlignore` brings them back.

It cannot be installed beside azureml-core, whose place it takes.
"""

import sys

from azureml import _synthesis

sys.meta_path.insert(0, _synthesis.Finder())
