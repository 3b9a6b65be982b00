#!/usr/bin/env bash
# Models with grpcurl: register what the run of runs.sh kept, and watch its conversion to ONNX.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
service=orris.models.v1.ModelService

say "Register"
version="{\"run\": \"$(field run.name <"$STORY/run.json")\", \"framework\": \"FRAMEWORK_SCIKIT_LEARN\"}"
call $service/CreateModelVersion "{\"parent\": \"$workspace\", \"model_id\": \"grpcurl-story\", \"run_path\": \"outputs/model.joblib\",
  \"model_version\": $version}" | tee "$STORY/model.json"
name=$(field model_version.name <"$STORY/model.json")

say "Watch its conversion to the end"
call $service/WatchModelVersion "{\"name\": \"$name\"}" | grep '"state"'

say "What came out"
call $service/GetModelVersion "{\"name\": \"$name\"}" | tee "$STORY/model.json"

say "Describe it"
call $service/UpdateModelVersion "{\"name\": \"$name\", \"description\": \"tells flowers apart\"}" | field model_version.description

say "All models"
call $service/ListModelVersions "{\"parent\": \"$workspace\"}" | grep '"name"'

say "Have made beforehand what the conversion of such models needs"
image=$(call $service/GetModelVersion "{\"name\": \"$name\"}" | field model_version.image)
call $service/PrepareConversion "{\"image\": \"$image\"}" | field build
