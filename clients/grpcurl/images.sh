#!/usr/bin/env bash
# Images with grpcurl: register an environment, build it, follow the log, see what is in the image.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
service=orris.images.v1.ImageService

say "Register an environment"
spec='{"packages": {"pip_packages": ["scikit-learn", "joblib"]}}'
call $service/CreateEnvironment "{\"parent\": \"$workspace\", \"environment_id\": \"grpcurl-story\", \"spec\": $spec}" | tee "$STORY/environment.json"
environment=$(field environment.name <"$STORY/environment.json")

say "Build it"
call $service/CreateBuild "{\"parent\": \"$workspace\", \"environment\": \"$environment\"}" | tee "$STORY/build.json"
build=$(field build.name <"$STORY/build.json")

say "Follow its log to the end"
call $service/ReadBuildLog "{\"name\": \"$build\", \"follow\": true}" >"$STORY/build-log.json"

say "How it ended"
call $service/GetBuild "{\"name\": \"$build\"}" | tee "$STORY/build.json"

say "What is in the image"
call $service/GetImage "{\"name\": \"$(field build.image <"$STORY/build.json")\"}" >"$STORY/image.json"
field image.lock.packages <"$STORY/image.json"

say "All environments"
call $service/ListEnvironments "{\"parent\": \"$workspace\", \"page_size\": 10}"
