"""Azure ML's SDK v1, answered by Orris on machines you own: `import azureml.core` and go on.

    from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace

    ws = Workspace.from_config()
    env = Environment.from_conda_specification(name="sklearn-env", file_path="conda_dependencies.yml")
    src = ScriptRunConfig(source_directory=".", script="train_iris.py", compute_target="local", environment=env)
    run = Experiment(ws, "Tutorial-TrainIRIS").submit(src)
    run.wait_for_completion(show_output=True)

What is covered
---------------
Workspace, Experiment, Run, ScriptRunConfig, RunConfiguration, Environment and CondaDependencies, AmlCompute, Model,
deployment without code (Webservice, AciWebservice, LocalWebservice), the exceptions, RunDetails. Every other name that
public code imports can be imported too; using it raises an exception that says what to do instead.

What differs
------------
- There are no clusters yet: a compute target, whatever its name and size, is this machine, and one printed line
  says so.
- Logs are streamed as they are written, by offset: nothing is printed twice. Where Azure prints the address of a web
  page, the command stands that shows the same.
- A failed run or deployment says why in its exception: the end of the script's own traceback.
- No credentials: authentication classes are accepted and not used. `subscription_id` and `resource_group` are what
  config.json says, or what the constructor was given; Orris does not look at them.
- Deployments have no key unless `auth_enabled=True`, as on ACI; without one, only this machine is answered.
- A model is served by the very environment that trained it, or as ONNX whose answers were compared with the original's.
  `model_framework_version` is recorded as claimed, beside the one that was found.
- An environment that says nothing about Python gets the one Orris runs with, not 3.8. Docker images are not used.
- `.git` and `__pycache__` are left out of snapshots unless `.amlignore` brings them back.

It cannot be installed beside azureml-core, whose place it takes.
"""

import sys

from azureml import _synthesis

sys.meta_path.insert(0, _synthesis.Finder())
