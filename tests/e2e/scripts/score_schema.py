import joblib
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

from azureml.core.model import Model

NAMES = np.array(["setosa", "versicolor", "virginica"])


def init():
    global model
    model = joblib.load(Model.get_model_path("scored"))


@input_schema("data", NumpyParameterType(np.array([[5.1, 3.5, 1.4, 0.2]])))
@input_schema("names", StandardPythonParameterType(False))
@output_schema(StandardPythonParameterType([0]))
def run(data, names=False):
    found = model.predict(data)
    return NAMES[found].tolist() if names else found.tolist()
