#!/usr/bin/env bash
# Inference with grpcurl: deploy the model of models.sh, wait until it answers, predict with the Open Inference Protocol;
# then deploy a scoring script.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
service=orris.inference.v1.EndpointService
protocol=inference.GRPCInferenceService
name=$workspace/endpoints/grpcurl-story
model=$(field model_version.name <"$STORY/model.json")

say "Deploy"
call $service/CreateEndpoint "{\"parent\": \"$workspace\", \"endpoint_id\": \"grpcurl-story\", \"endpoint\": {\"model_version\": \"$model\"}, \"overwrite\": true}"

say "Watch it until it answers"
call $service/WatchEndpoint "{\"name\": \"$name\"}" | grep '"state"'
call $service/GetEndpoint "{\"name\": \"$name\"}"
call $service/ListEndpoints "{\"parent\": \"$workspace\"}" | grep '"scoring_uri"'

say "Its keys, one replaced: either is accepted where the token is"
call $service/RegenerateEndpointKey "{\"name\": \"$name\", \"key\": \"KEY_NAME_SECONDARY\"}" >/dev/null
token=$(call $service/GetEndpointKeys "{\"name\": \"$name\"}" | field secondary_key)

say "Who answers?"
call $protocol/ServerLive
call $protocol/ServerReady
call $protocol/ServerMetadata
call $protocol/ModelReady '{"name": "grpcurl-story"}'
call $protocol/ModelMetadata '{"name": "grpcurl-story"}'

say "Predict"
input='{"name": "X", "datatype": "FP64", "shape": [2, 4], "contents": {"fp64_contents": [5.1, 3.5, 1.4, 0.2, 6.7, 3.0, 5.2, 2.3]}}'
call $protocol/ModelInfer "{\"model_name\": \"grpcurl-story\", \"inputs\": [$input], \"outputs\": [{\"name\": \"predict\"}]}"

source "$(dirname "${BASH_SOURCE[0]}")/connection.sh" # the token again
say "How it was asked, and how its inputs compare with the model's sample"
call $service/GetEndpointStatistics "{\"name\": \"$name\"}" | grep '"requests"'

say "Its log"
call $service/ReadEndpointLog "{\"name\": \"$name\"}" | bytes data

say "A scoring script of your own, with the model, in the model's environment: stored like any other file"
cat >"$STORY/score.py" <<'PYTHON'
import joblib
from azureml.core.model import Model


def init():
    global model
    model = joblib.load(Model.get_model_path("grpcurl-story"))


def run(data):
    return str(model)
PYTHON
artifacts=orris.artifacts.v1.ArtifactService
digest=$(sha256sum "$STORY/score.py" | cut -d ' ' -f 1)
size=$(wc -c <"$STORY/score.py" | tr -d ' ')
data=$(base64 <"$STORY/score.py" | tr -d '\n')
call $artifacts/BatchUploadBlobs "{\"parent\": \"$workspace\", \"items\": [{\"digest\": \"$digest\", \"data\": \"$data\"}]}"
entry="{\"path\": \"score.py\", \"size\": $size, \"mode\": 420, \"digest\": \"$digest\", \"chunks\": [{\"digest\": \"$digest\", \"size\": $size}]}"
tree=$(call $artifacts/CreateTree "{\"parent\": \"$workspace\", \"entries\": [$entry]}" | field tree.name)

say "Deploy it in the model's place, which answers until the script does"
code="{\"snapshot\": \"$tree\", \"entry_script\": \"score.py\", \"environment_variables\": {\"WORKER_COUNT\": \"2\"}}"
call $service/CreateEndpoint "{\"parent\": \"$workspace\", \"endpoint_id\": \"grpcurl-story\", \"endpoint\": {\"model_versions\": [\"$model\"], \"code\": $code}, \"overwrite\": true}"
call $service/WatchEndpoint "{\"name\": \"$name\"}" | grep '"state"'
call $service/GetEndpoint "{\"name\": \"$name\"}" | grep '"backend"'

say "Delete it, and the model"
call $service/DeleteEndpoint "{\"name\": \"$name\"}"
call orris.models.v1.ModelService/DeleteModelVersion "{\"name\": \"$model\"}"
