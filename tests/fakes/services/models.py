"""Models in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orris.errors import FailedPrecondition, NotFound
from orris.models.v1 import models_pb2, models_service_pb2
from orris.models.v1.models_service_pb2_grpc import ModelServiceServicer
from tests.fakes.services.runs import FakeRuns

# A fake has what tests need; the rest answers UNIMPLEMENTED.
_ModelServiceServicer: Any = ModelServiceServicer


class FakeModels(_ModelServiceServicer):
    def __init__(self, runs: FakeRuns) -> None:
        self.runs = runs
        self.versions: dict[str, list[models_pb2.ModelVersion]] = {}

    def CreateModelVersion(self, request: Any, context: Any) -> Any:
        model = request.model_version
        if model.run:
            self._take_from_run(model, request.run_path or request.model_id)
        versions = self.versions.setdefault(f"{request.parent}/models/{request.model_id}", [])
        model.name = f"{request.parent}/models/{request.model_id}/versions/{len(versions) + 1}"
        model.conversion.state = models_pb2.Conversion.STATE_PENDING
        versions.append(model)
        return models_service_pb2.CreateModelVersionResponse(model_version=model)

    def GetModelVersion(self, request: Any, context: Any) -> Any:
        return models_service_pb2.GetModelVersionResponse(model_version=self._find(request.name))

    def ListModelVersions(self, request: Any, context: Any) -> Any:
        if "/models/" in request.parent:
            found = self.versions.get(request.parent, [])[::-1]
        else:
            found = [versions[-1] for _, versions in sorted(self.versions.items())]
        found = [each for each in found if all(each.tags.get(key) == value for key, value in request.tags.items())]
        return models_service_pb2.ListModelVersionsResponse(model_versions=found)

    def WatchModelVersion(self, request: Any, context: Any) -> Iterator[Any]:
        model = self._find(request.name)
        yield models_service_pb2.WatchModelVersionResponse(model_version=model)
        model.conversion.state = models_pb2.Conversion.STATE_VERIFIED
        model.conversion.parity.add(method="predict", compared=100)
        yield models_service_pb2.WatchModelVersionResponse(model_version=model)

    def UpdateModelVersion(self, request: Any, context: Any) -> Any:
        model = self._find(request.name)
        model.tags.update(request.set_tags)
        if request.HasField("description"):
            model.description = request.description
        return models_service_pb2.UpdateModelVersionResponse(model_version=model)

    def DeleteModelVersion(self, request: Any, context: Any) -> Any:
        self.versions[request.name.partition("/versions/")[0]].remove(self._find(request.name))
        return models_service_pb2.DeleteModelVersionResponse()

    def PrepareConversion(self, request: Any, context: Any) -> Any:
        return models_service_pb2.PrepareConversionResponse(build=self.runs.images.add_overlay(request.image).name)

    def _take_from_run(self, model: models_pb2.ModelVersion, path: str) -> None:
        run = self.runs.runs[model.run]
        if not run.outputs:
            raise FailedPrecondition("the run has not ended", reason="RUN_NOT_FINISHED")
        files = self.runs.artifacts.content(run.outputs)
        if path not in files:
            raise FailedPrecondition(f"the run kept no {path}", reason="PATH_NOT_KEPT")
        name = path.rpartition("/")[2]
        model.tree = self.runs.artifacts.keep(model.run.split("/")[1], {name: files[path]})
        model.file, model.experiment = name, run.experiment

    def _find(self, name: str) -> models_pb2.ModelVersion:
        base, _, version = name.partition("/versions/")
        found = [each for each in self.versions.get(base, []) if not version or each.name == name]
        if not found:
            raise NotFound(f"no model {base.rpartition('/')[2]}", reason="MODEL_NOT_FOUND")
        return found[-1]
