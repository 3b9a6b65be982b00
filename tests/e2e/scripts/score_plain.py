import json
import os

import joblib

from azureml.core.model import Model


def init():
    global model
    path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model.joblib")
    assert path == Model.get_model_path("scored")
    model = joblib.load(path)


def run(raw_data):
    data = json.loads(raw_data)["data"]
    print("asked for", len(data), "flowers")
    return {"species": model.predict(data).tolist(), "unit": os.environ["UNIT"]}
