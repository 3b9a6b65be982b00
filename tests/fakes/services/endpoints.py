"""Endpoints in memory, with a real HTTP server that answers with the sum of each row."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from orris.errors import AlreadyExists, NotFound
from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.inference.v1.inference_service_pb2_grpc import EndpointServiceServicer

# A fake has what tests need; the rest answers UNIMPLEMENTED.
_EndpointServiceServicer: Any = EndpointServiceServicer


class FakeEndpoints(_EndpointServiceServicer):
    def __init__(self) -> None:
        self.endpoints: dict[str, inference_pb2.Endpoint] = {}
        self.keys = ["key-1", "key-2"]
        self.error = ""
        self.log = b"serving\n"
        self.statistics = inference_pb2.EndpointStatistics(requests=3)
        self._http: ThreadingHTTPServer | None = None

    def close(self) -> None:
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()

    def CreateEndpoint(self, request: Any, context: Any) -> Any:
        name = f"{request.parent}/endpoints/{request.endpoint_id}"
        if name in self.endpoints and not request.overwrite:
            raise AlreadyExists(f"endpoint {request.endpoint_id} exists: set overwrite", reason="ENDPOINT_EXISTS")
        endpoint = request.endpoint
        endpoint.name, endpoint.state = name, inference_pb2.Endpoint.STATE_TRANSITIONING
        endpoint.scoring_uri = f"http://127.0.0.1:{self._port()}/api/v1/service/{request.endpoint_id}/score"
        self.endpoints[name] = endpoint
        return inference_service_pb2.CreateEndpointResponse(endpoint=endpoint)

    def GetEndpoint(self, request: Any, context: Any) -> Any:
        return inference_service_pb2.GetEndpointResponse(endpoint=self._find(request.name))

    def GetEndpointStatistics(self, request: Any, context: Any) -> Any:
        self._find(request.name)
        return inference_service_pb2.GetEndpointStatisticsResponse(statistics=self.statistics)

    def ListEndpoints(self, request: Any, context: Any) -> Any:
        return inference_service_pb2.ListEndpointsResponse(endpoints=self.endpoints.values())

    def WatchEndpoint(self, request: Any, context: Any) -> Iterator[Any]:
        endpoint = self._find(request.name)
        yield inference_service_pb2.WatchEndpointResponse(endpoint=endpoint)
        endpoint.state = inference_pb2.Endpoint.STATE_FAILED if self.error else inference_pb2.Endpoint.STATE_HEALTHY
        endpoint.error = self.error
        yield inference_service_pb2.WatchEndpointResponse(endpoint=endpoint)

    def DeleteEndpoint(self, request: Any, context: Any) -> Any:
        del self.endpoints[self._find(request.name).name]
        return inference_service_pb2.DeleteEndpointResponse()

    def GetEndpointKeys(self, request: Any, context: Any) -> Any:
        return inference_service_pb2.GetEndpointKeysResponse(primary_key=self.keys[0], secondary_key=self.keys[1])

    def RegenerateEndpointKey(self, request: Any, context: Any) -> Any:
        self.keys[request.key - 1] += "-new"
        return inference_service_pb2.RegenerateEndpointKeyResponse(primary_key=self.keys[0], secondary_key=self.keys[1])

    def ReadEndpointLog(self, request: Any, context: Any) -> Iterator[Any]:
        yield inference_service_pb2.ReadEndpointLogResponse(offset=0, data=self.log, end=True)

    def needs_key(self, path: str) -> bool:
        """Tell whether the endpoint at a path wants a key: all do, unless deployed without."""
        found = [each for each in self.endpoints.values() if each.scoring_uri.endswith(path)]
        return not (found and found[0].HasField("auth_enabled") and not found[0].auth_enabled)

    def _find(self, name: str) -> inference_pb2.Endpoint:
        if name not in self.endpoints:
            raise NotFound(f"no endpoint {name.rpartition('/')[2]}", reason="ENDPOINT_NOT_FOUND")
        return self.endpoints[name]

    def _port(self) -> int:
        if self._http is None:
            self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
            threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self._http.server_port

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if fake.needs_key(self.path) and self.headers.get("Authorization") not in [
                    f"Bearer {key}" for key in fake.keys
                ]:
                    self._answer(401, {"message": "no key"})
                elif not isinstance(body.get("data"), list):
                    self._answer(400, {"message": "data must be a list of rows"})
                else:
                    self._answer(200, [sum(row) for row in body["data"]])

            def _answer(self, status: int, value: Any) -> None:
                data = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
