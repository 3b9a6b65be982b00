"""The models that a run registers."""

import json
import os

from ._exceptions import UserErrorException
from ._placeholder import explain
from ._requests import ask


class RunModels:
    """How a run registers models. Needs the run's `_folder` and `_files`."""

    def register_model(self, model_name, model_path=None, tags=None, properties=None, model_framework=None,
                       model_framework_version=None, description=None, datasets=None, sample_input_dataset=None,
                       sample_output_dataset=None, resource_configuration=None, sample_input=None,
                       **kwargs):  # fmt: skip
        """Register a file or folder of this run (by default the one named like the model) and return the model.

        `model_path` is relative to the run's working directory, as `outputs/model.joblib`, or the name of a kept file.
        `sample_input` (rows, also as an array) is what the model's conversion is checked with.
        Raises UserErrorException when it is refused, ServiceException when nobody answers.
        """
        for argument in ("sample_input_dataset", "sample_output_dataset"):
            if locals()[argument]:
                raise explain("register_model(%s=...)" % argument)
        params = dict(
            kwargs,
            model_name=model_name,
            model_path=self._relative(model_name if model_path is None else model_path),
            tags=tags,
            properties=_with_datasets(properties, datasets),
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            description=description,
            sample_input=sample_input,
            resource_configuration=getattr(resource_configuration, "__dict__", resource_configuration),
        )
        from ._model import registered

        answer = ask(self._folder, "register_model", {key: value for key, value in params.items() if value is not None})
        return registered(dict(params, name=model_name), answer)

    def _kept(self, path, model_name) -> str:
        """Return how the run calls a file or folder of this machine; one that is not in its outputs is kept besides."""
        place = os.path.abspath(path)
        outputs = os.path.realpath(os.path.join(self._folder, "work", "outputs"))
        if (os.path.realpath(place) + os.sep).startswith(outputs + os.sep):
            return os.path.join("outputs", os.path.relpath(os.path.realpath(place), outputs))
        kept = "models/%s/%s" % (model_name, os.path.basename(place))
        if os.path.isdir(place):
            self._files.keep_folder(kept, place)
        else:
            self._files.keep_file(kept, place)
        return kept

    def _relative(self, path) -> str:
        return os.path.relpath(os.path.join(self._folder, "work", str(path)), os.path.join(self._folder, "work"))


def _with_datasets(properties, datasets):
    """Return the properties of a model with its datasets, as `azureml._model_datasets` reads them elsewhere."""
    said = {}
    for pair in datasets or ():
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not getattr(pair[1], "id", None):
            raise UserErrorException("datasets: %.200s is no pair like ('training data', dataset)" % (pair,))
        relation, dataset = pair
        known = {"id": dataset.id, "name": dataset.name, "version": dataset.version}
        said.setdefault(str(relation), []).append({key: value for key, value in known.items() if value})
    return dict(properties or {}, **{"azureml.datasets": json.dumps(said)}) if said else properties
