"""Registered models, as far as a run needs them."""

import os

from ._exceptions import ModelNotFoundException, UserErrorException
from ._placeholder import PlaceholderType, explain


class Framework:
    """The frameworks that `register_model` is told."""

    CUSTOM = "Custom"
    TENSORFLOW = "TensorFlow"
    SCIKITLEARN = "ScikitLearn"
    ONNX = "Onnx"
    TFKERAS = "TfKeras"
    PYTORCH = "PyTorch"
    MULTI = "Multi"


class Model(metaclass=PlaceholderType):
    """A registered model: what `run.register_model` returns, and where a scoring script finds its files."""

    Framework = Framework

    @staticmethod
    def get_model_path(model_name: str, version=None, _workspace=None) -> str:
        """Return the path of a model's file or folder in a deployment (the highest version unless one is given).

        Raises ModelNotFoundException.
        """
        root = os.environ.get("AZUREML_MODEL_DIR") or "azureml-models"
        folder = _version_folder(root, model_name, version)
        if folder is None:
            if version is None and os.path.exists(model_name):
                return model_name
            wanted = model_name if version is None else "%s:%s" % (model_name, version)
            raise ModelNotFoundException("there is no model %s in %s" % (wanted, os.path.abspath(root)))
        entries = os.listdir(folder)
        return os.path.join(folder, entries[0]) if len(entries) == 1 else folder

    @staticmethod
    def register(workspace=None, model_path=None, model_name=None, **kwargs) -> "Model":
        """Register a file or folder of this machine as a model of the run; return the model.

        What else there is to say is as for `run.register_model`, which also says what is raised.
        """
        from ._run import Run

        if not model_path or not model_name:
            raise UserErrorException("give both model_path and model_name")
        run = Run.get_context(allow_offline=False)
        return run.register_model(model_name, run._kept(model_path, model_name), **kwargs)

    def __repr__(self) -> str:
        return "Model(name=%s, version=%s)" % (self.name, self.version)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain("Model.%s" % name)


class ResourceConfiguration:
    """What a deployment of the model should get."""

    def __init__(self, cpu=None, memory_in_gb=None, gpu=None) -> None:
        self.cpu = cpu
        self.memory_in_gb = memory_in_gb
        self.gpu = gpu


def registered(asked, answer) -> "Model":
    """Return the model that was asked for, with the version and id that the agent answered."""
    model = object.__new__(Model)
    model.tags = asked["tags"] or {}
    model.properties = asked["properties"] or {}
    model.description = asked["description"]
    model.model_framework = asked["model_framework"]
    model.model_framework_version = asked["model_framework_version"]
    model.name = asked["name"]
    for name, value in answer.items():
        setattr(model, name, value)
    return model


def _version_folder(root, name: str, version):
    """Find NAME/VERSION where `root` holds several models, or is the one model's NAME/VERSION itself."""
    version = None if version is None else str(version)
    versions = os.path.join(root, name)
    if os.path.isdir(versions):
        known = [entry for entry in os.listdir(versions) if entry.isdigit()]
        wanted = max(known, key=int, default=None) if version is None else version
        return os.path.join(versions, wanted) if wanted in known else None
    parent, own_version = os.path.split(os.path.abspath(root))
    if os.path.basename(parent) == name and version in (None, own_version) and os.path.isdir(root):
        return root
    return None
