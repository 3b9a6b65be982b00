"""Ask an endpoint with the public V2 client, without Orris: ADDRESS KEY ENDPOINT ROWS.npz ANSWERS.npz."""

import sys

import numpy
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput

address, key, endpoint, rows_file, answers_file = sys.argv[1:]
client = InferenceServerClient(address)
headers = {"authorization": "Bearer " + key}
assert client.is_server_live()
assert client.is_server_ready()
assert client.is_model_ready(endpoint, headers=headers)
metadata = client.get_model_metadata(endpoint, headers=headers)
(described,) = metadata.inputs
rows = numpy.load(rows_file)["rows"]
answers = {}
for count in (1, len(rows)):
    tensor = InferInput(described.name, [count, rows.shape[1]], described.datatype)
    tensor.set_data_from_numpy(rows[:count])
    outputs = [InferRequestedOutput(name) for name in ("predict", "predict_proba")]
    result = client.infer(endpoint, [tensor], outputs=outputs, headers=headers)
    for name in ("predict", "predict_proba"):
        values = result.as_numpy(name)
        answers[f"{name}_{count}"] = values.astype("S").astype("U") if values.dtype == object else values
numpy.savez(answers_file, **answers)
assert "orris" not in sys.modules
