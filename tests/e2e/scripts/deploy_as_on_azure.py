import json

from azureml.core import Environment, Webservice, Workspace
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.model import InferenceConfig, Model
from azureml.core.webservice import AciWebservice
from azureml.exceptions import WebserviceException

ws = Workspace.get("default")
model = Model(ws, "scored")
env = Environment("scoring-env")
env.python.conda_dependencies = CondaDependencies.create(
    pip_packages=["azureml-defaults", "scikit-learn", "joblib", "numpy"]
)
inference_config = InferenceConfig(entry_script="score.py", source_directory="./source_dir", environment=env)
aci_config = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1, auth_enabled=True)
service = Model.deploy(ws, "azure-scoring", [model], inference_config, aci_config, overwrite=True)
service.wait_for_deployment(show_output=True)
print(service.run(json.dumps({"data": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]})))
print("Unhealthy:", "no" if Webservice(ws, "azure-scoring").state == "Healthy" else service.get_logs())
try:
    service.run(json.dumps({"data": "nothing"}))
except WebserviceException as error:
    print("WebserviceException", error.status_code)
service.delete()
