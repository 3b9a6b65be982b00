#!/usr/bin/env bash
# Inference with grpcurl: deploy the model of models.sh, wait until it answers, predict with the Open Inference Protocol.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
service=orris.inference.v1.EndpointService
name=$workspace/endpoints/grpcurl-story

say "Deploy"
endpoint="{\"model_version\": \"$(field modelVersion.name <"$STORY/model.json")\"}"
call $service/CreateEndpoint "{\"parent\": \"$workspace\", \"endpoint_id\": \"grpcurl-story\", \"endpoint\": $endpoint, \"overwrite\": true}"

say "Watch it until it answers"
call $service/WatchEndpoint "{\"name\": \"$name\"}" | grep '"state"'
call $service/GetEndpoint "{\"name\": \"$name\"}"

say "Predict"
input='{"name": "X", "datatype": "FP64", "shape": [2, 4], "contents": {"fp64_contents": [5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3]}}'
call inference.GRPCInferenceService/ModelMetadata '{"name": "grpcurl-story"}'
call inference.GRPCInferenceService/ModelInfer "{\"model_name\": \"grpcurl-story\", \"inputs\": [$input], \"outputs\": [{\"name\": \"predict\"}]}"

say "Its log"
call $service/ReadEndpointLog "{\"name\": \"$name\"}" >"$STORY/endpoint-log.json"

say "Delete it"
call $service/DeleteEndpoint "{\"name\": \"$name\"}"
