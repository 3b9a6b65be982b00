"""What can make a model, under Azure's names."""

from __future__ import annotations

from orris.errors import InvalidArgument
from orris.models.v1 import models_pb2


class Framework:
    """Names of the frameworks, as `Model.Framework.SCIKITLEARN`."""

    CUSTOM = "Custom"
    TENSORFLOW = "TensorFlow"
    SCIKITLEARN = "ScikitLearn"
    ONNX = "Onnx"
    TFKERAS = "TfKeras"
    PYTORCH = "PyTorch"
    MULTI = "Multi"


NUMBERS = {
    Framework.CUSTOM: models_pb2.FRAMEWORK_CUSTOM,
    Framework.TENSORFLOW: models_pb2.FRAMEWORK_TENSORFLOW,
    Framework.SCIKITLEARN: models_pb2.FRAMEWORK_SCIKIT_LEARN,
    Framework.ONNX: models_pb2.FRAMEWORK_ONNX,
    Framework.TFKERAS: models_pb2.FRAMEWORK_TF_KERAS,
    Framework.PYTORCH: models_pb2.FRAMEWORK_PYTORCH,
    Framework.MULTI: models_pb2.FRAMEWORK_MULTI,
}
_NAMES = {number: name for name, number in NUMBERS.items()}


def framework_number(name: str | None) -> models_pb2.Framework.ValueType:
    """Return the contract's value; no name means CUSTOM. Upper and lower case, "-" and "_" do not matter.

    Raises InvalidArgument when there is no such framework.
    """
    if not name:
        return models_pb2.FRAMEWORK_CUSTOM
    plain = name.replace("-", "").replace("_", "").lower()
    for known, number in NUMBERS.items():
        if known.lower() == plain or (plain == "sklearn" and known == Framework.SCIKITLEARN):
            return number
    raise InvalidArgument(f"model_framework: {name!r} is none of {', '.join(NUMBERS)}", field="model_framework")


def framework_name(number: models_pb2.Framework.ValueType) -> str:
    """Return Azure's name."""
    return _NAMES.get(number, Framework.CUSTOM)
