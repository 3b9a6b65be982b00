"""A real inference service on free ports beside fakes of what it calls."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import joblib
import pytest

from orris.artifacts.v1.artifacts_service_pb2_grpc import add_ArtifactServiceServicer_to_server
from orris.images.v1.images_service_pb2_grpc import add_ImageServiceServicer_to_server
from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.inference.v1.inference_service_pb2_grpc import EndpointServiceStub
from orris.inference.v2.open_inference_pb2_grpc import GRPCInferenceServiceStub
from orris.models.v1 import models_pb2
from orris.models.v1.models_service_pb2_grpc import add_ModelServiceServicer_to_server
from orris.runs.v1.runs_service_pb2_grpc import add_RunServiceServicer_to_server
from orris_inference.config import Settings
from orris_inference.keeper import Patience
from orris_inference.service import open_service
from orris_kit.auth import Principal, Role, TokenSigner, TokenVerifier
from orris_kit.client import connect
from orris_kit.server import Server
from tests.fakes.inference_neighbours import WORKSPACE, FakeArtifacts, FakeImages, FakeModels, FakeRuns

IMAGE = f"{WORKSPACE}/images/i"
NUMBER = models_pb2.Signature.Column.TYPE_NUMBER
PATIENCE = Patience(place=0.2, first_pause=0.05, longest_pause=0.5)


@dataclass
class Installation:
    """The neighbours, and inference as often as a test starts it."""

    home: Path
    signer: TokenSigner
    artifacts: FakeArtifacts
    models: FakeModels
    runs: FakeRuns
    images: FakeImages
    neighbours: str
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def token(self, role: Role = Role.USER, workspace: str = "lab") -> str:
        return self.signer.sign(Principal("anna", role, workspace), timedelta(hours=1))

    async def start(self, **settings: Any) -> None:
        made = Settings(
            home=self.home,
            models_address=self.neighbours,
            runs_address=self.neighbours,
            artifacts_address=self.neighbours,
            images_address=self.neighbours,
            **settings,
        )
        server = Server(authenticator=TokenVerifier(made.public_key_path))
        for add, servicer in await open_service(made, self.stack, PATIENCE):
            server.add(add, servicer)
        self.address = f"127.0.0.1:{await server.start()}"
        self.stack.push_async_callback(server.stop, 0)
        self.channel = await self.stack.enter_async_context(connect(self.address, self.token))
        self.endpoints = EndpointServiceStub(self.channel)
        self.bare = await self.stack.enter_async_context(connect(self.address))
        self.v2 = GRPCInferenceServiceStub(self.bare)
        self.http = await self.stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=20))

    async def stop(self) -> None:
        await self.stack.aclose()
        self.stack = AsyncExitStack()

    def register(
        self,
        estimator: Any,
        *,
        name: str = "iris",
        version: int = 1,
        graph: bytes | None = None,
        source: dict[str, str] | None = None,
        columns: int = 4,
        **fields: Any,
    ) -> str:
        """Register a model as `models` would show it after its examination."""
        stored = BytesIO()
        joblib.dump(estimator, stored)
        content = fields.pop("content", stored.getvalue())
        methods = [m for m in ("predict", "predict_proba", "transform") if hasattr(estimator, m)]
        signature = models_pb2.Signature(
            methods=methods, inputs=[models_pb2.Signature.Column(type=NUMBER) for _ in range(columns)]
        )
        model = models_pb2.ModelVersion(
            name=f"{WORKSPACE}/models/{name}/versions/{version}",
            framework=models_pb2.FRAMEWORK_SCIKIT_LEARN,
            tree=self.artifacts.put_tree({"model.joblib": content}),
            file="model.joblib",
            image=IMAGE,
            signature=signature,
            conversion=models_pb2.Conversion(state=models_pb2.Conversion.STATE_UNSUPPORTED, message="no conversion"),
        )
        self.images.packages.setdefault(IMAGE, ["scikit-learn"])
        if graph is not None:
            model.conversion.state = models_pb2.Conversion.STATE_VERIFIED
            model.conversion.onnx_tree = self.artifacts.put_tree({"model.onnx": graph})
        if source:
            model.snapshot = self.artifacts.put_tree({path: text.encode() for path, text in source.items()})
            model.script = next(iter(source))
        model.MergeFrom(models_pb2.ModelVersion(**fields))
        return self.models.set(model)

    async def deploy(self, model: str = "", endpoint_id: str = "iris", wait: bool = True, **fields: Any) -> Any:
        overwrite, request_id = fields.pop("overwrite", False), fields.pop("request_id", "")
        request = inference_service_pb2.CreateEndpointRequest(
            parent=WORKSPACE,
            endpoint_id=endpoint_id,
            endpoint=inference_pb2.Endpoint(model_version=model, **fields),
            overwrite=overwrite,
            request_id=request_id,
        )
        endpoint = (await self.endpoints.CreateEndpoint(request)).endpoint
        return await self.settled(endpoint.name) if wait else endpoint

    def code(self, files: dict[str, str], **fields: Any) -> inference_pb2.ScoringCode:
        """Store a scoring script, the first of the files."""
        snapshot = self.artifacts.put_tree({path: text.encode() for path, text in files.items()})
        return inference_pb2.ScoringCode(snapshot=snapshot, entry_script=next(iter(files)), **fields)

    async def settled(self, name: str = f"{WORKSPACE}/endpoints/iris") -> Any:
        """Return the endpoint once it is HEALTHY or FAILED."""
        request = inference_service_pb2.WatchEndpointRequest(name=name)
        return [response.endpoint async for response in self.endpoints.WatchEndpoint(request, timeout=20)][-1]

    async def get(self, name: str = f"{WORKSPACE}/endpoints/iris") -> Any:
        return (await self.endpoints.GetEndpoint(inference_service_pb2.GetEndpointRequest(name=name))).endpoint

    async def key(self, name: str = f"{WORKSPACE}/endpoints/iris") -> str:
        keys = await self.endpoints.GetEndpointKeys(inference_service_pb2.GetEndpointKeysRequest(name=name))
        return str(keys.primary_key)

    async def score(self, endpoint: Any, body: Any, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.token()}"}
        content = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return await self.http.post(endpoint.scoring_uri, content=content, headers=headers)

    async def log(self, name: str = f"{WORKSPACE}/endpoints/iris", offset: int = 0) -> str:
        request = inference_service_pb2.ReadEndpointLogRequest(name=name, offset=offset)
        return b"".join([each.data async for each in self.endpoints.ReadEndpointLog(request)]).decode()


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    signer = TokenSigner(tmp_path / "signing.key")
    (tmp_path / "service.token").write_text(signer.sign(Principal("inference", Role.SERVICE), timedelta(hours=1)))
    artifacts, models = FakeArtifacts(), FakeModels()  # type: ignore[abstract]  # _open_rest adds the rest
    runs, images = FakeRuns(artifacts), FakeImages()  # type: ignore[abstract]
    images.put("orris-inference", "scikit-learn", "inference-schema", FROM_ENVIRONMENT="yes")
    server = Server(authenticator=TokenVerifier(signer.public_key))
    additions: tuple[tuple[Callable[..., None], Any], ...] = (
        (add_ArtifactServiceServicer_to_server, artifacts),
        (add_ModelServiceServicer_to_server, models),
        (add_RunServiceServicer_to_server, runs),
        (add_ImageServiceServicer_to_server, images),
    )
    for add, servicer in additions:
        _open_rest(servicer)
        server.add(add, servicer)
    port = await server.start()
    made = Installation(tmp_path, signer, artifacts, models, runs, images, f"127.0.0.1:{port}")
    try:
        yield made
    finally:
        await made.stop()
        await runs.close()
        await server.stop(0)


def _open_rest(servicer: Any) -> None:
    """Let the methods that a fake lacks be added: they answer UNIMPLEMENTED."""
    import inspect

    from orris.errors import Unimplemented
    from orris_kit.access import admitted, allow_anyone

    def lacking(streams: bool) -> Any:
        async def one(request: Any, context: Any) -> Any:
            raise Unimplemented("not faked")

        async def many(request: Any, context: Any) -> AsyncIterator[Any]:
            raise Unimplemented("not faked")
            yield

        return allow_anyone(many if streams else one)

    streaming = {"ReadRunLog", "CollectGarbage", "ReadBuildLog"}
    for base in type(servicer).__mro__[1:-1]:
        for name, method in vars(base).items():
            if inspect.isfunction(method) and name[0].isupper() and admitted(getattr(servicer, name)) is None:
                setattr(servicer, name, lacking(name in streaming))
