#!/usr/bin/env bash
# Artifacts with grpcurl: hash a script, ask whether it is stored, upload it, make a tree of it, read it back.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
service=orris.artifacts.v1.ArtifactService

cat >"$STORY/train.py" <<'PYTHON'
import os

import joblib
from azureml.core.run import Run
from sklearn import datasets
from sklearn.svm import SVC

features, species = datasets.load_iris(return_X_y=True)
model = SVC(kernel="linear").fit(features, species)
Run.get_context().log("Accuracy", model.score(features, species))
os.makedirs("outputs", exist_ok=True)
joblib.dump(model, "outputs/model.joblib")
PYTHON
digest=$(sha256sum "$STORY/train.py" | cut -d ' ' -f 1)
size=$(wc -c <"$STORY/train.py" | tr -d ' ')

say "Which blobs are missing?"
call $service/FindMissingBlobs "{\"parent\": \"$workspace\", \"digests\": [\"$digest\"]}"

say "Upload one"
call $service/BatchUploadBlobs "{\"parent\": \"$workspace\", \"items\": [{\"digest\": \"$digest\", \"data\": \"$(base64 <"$STORY/train.py" | tr -d '\n')\"}]}"

say "Make a tree of it"
entry="{\"path\": \"train.py\", \"size\": $size, \"mode\": 420, \"digest\": \"$digest\", \"chunks\": [{\"digest\": \"$digest\", \"size\": $size}]}"
call $service/CreateTree "{\"parent\": \"$workspace\", \"entries\": [$entry]}" | tee "$STORY/tree.json"
tree=$(field tree.name <"$STORY/tree.json")

say "What is in the tree"
call $service/GetTree "{\"name\": \"$tree\"}"
call $service/ListTreeEntries "{\"parent\": \"$tree\"}"

say "Read the blob back"
call $service/DownloadBlob "{\"name\": \"$workspace/blobs/$digest\"}" | field data | base64 -d | head -n 3
