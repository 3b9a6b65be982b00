#!/usr/bin/env bash
# Images with grpcurl: register an environment, build it, follow the log, see what is in the image, get rid of it.
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
call $service/ReadBuildLog "{\"name\": \"$build\", \"follow\": true}" | bytes data

say "How it ended"
call $service/GetBuild "{\"name\": \"$build\"}" | tee "$STORY/build.json"

say "What is in the image"
image=$(field build.image <"$STORY/build.json")
call $service/GetImage "{\"name\": \"$image\"}" | field image.lock.packages

say "Is it where it should be? If not, it is made again"
call $service/RestoreImage "{\"name\": \"$image\"}" | field build.state

say "Choose its versions anew, and think better of it"
call $service/CreateBuild "{\"parent\": \"$workspace\", \"environment\": \"$environment\", \"refresh\": true}" >"$STORY/refresh.json"
call $service/CancelBuild "{\"name\": \"$(field build.name <"$STORY/refresh.json")\"}"

say "All environments, builds and images"
call $service/GetEnvironment "{\"name\": \"$environment\"}" | field environment.image
call $service/ListEnvironments "{\"parent\": \"$workspace\", \"page_size\": 10}" | grep '"name"'
call $service/ListBuilds "{\"parent\": \"$workspace\", \"page_size\": 10}" | grep '"state"'
call $service/ListImages "{\"parent\": \"$workspace\", \"page_size\": 10}" | grep '"python_version"'

say "Which images would be collected, because nobody has used them for a week?"
call $service/CollectImages "{\"parent\": \"$workspace\", \"unused\": \"604800s\", \"dry_run\": true}"

say "An image that nobody needs is deleted: its lock stays, the next build makes it again"
spare=$workspace/environments/grpcurl-spare
call $service/CreateEnvironment "{\"parent\": \"$workspace\", \"environment_id\": \"grpcurl-spare\", \"spec\": {\"requirements\": \"six\"}}" >"$STORY/spare.json"
call $service/CreateBuild "{\"parent\": \"$workspace\", \"environment\": \"$spare\"}" >"$STORY/spare.json"
build=$(field build.name <"$STORY/spare.json")
call $service/ReadBuildLog "{\"name\": \"$build\", \"follow\": true}" | bytes data
call $service/GetBuild "{\"name\": \"$build\"}" >"$STORY/spare.json"
call $service/DeleteImage "{\"name\": \"$(field build.image <"$STORY/spare.json")\"}"
