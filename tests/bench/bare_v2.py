"""The least that answers the Open Inference Protocol, to compare Orris with. Arguments: graph, port."""

import sys

import grpc
import numpy as np
import onnxruntime
import uvloop

from orris.inference.v2 import open_inference_pb2 as pb
from orris.inference.v2 import open_inference_pb2_grpc as pb_grpc


class Bare(pb_grpc.GRPCInferenceServiceServicer):
    def __init__(self, graph: str) -> None:
        self.session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        self.types = {"int64": "INT64", "float64": "FP64", "float32": "FP32"}

    async def ModelInfer(self, request: pb.ModelInferRequest, context: object) -> pb.ModelInferResponse:
        rows = np.frombuffer(request.raw_input_contents[0], "<f8").reshape(request.inputs[0].shape)
        answers = self.session.run(None, {"X": rows})
        response = pb.ModelInferResponse(model_name=request.model_name, id=request.id)
        for output, answer in zip(self.session.get_outputs(), answers, strict=True):
            response.outputs.add(name=output.name, datatype=self.types[answer.dtype.name], shape=answer.shape)
            response.raw_output_contents.append(answer.tobytes())
        return response


async def main(graph: str, port: str) -> None:
    server = grpc.aio.server()
    pb_grpc.add_GRPCInferenceServiceServicer_to_server(Bare(graph), server)  # type: ignore[abstract]  # one method is measured
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
