#!/usr/bin/env bash
# Artifacts with grpcurl: hash a script, ask whether it is stored, upload it, make a tree of it, read it back, name it, count it.
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
accuracy = model.score(features, species)
print("Accuracy on the training set:", round(accuracy, 2))
Run.get_context().log("Accuracy", accuracy)
os.makedirs("outputs", exist_ok=True)
joblib.dump(model, "outputs/model.joblib")
PYTHON
digest=$(sha256sum "$STORY/train.py" | cut -d ' ' -f 1)
size=$(wc -c <"$STORY/train.py" | tr -d ' ')
data=$(base64 <"$STORY/train.py" | tr -d '\n')

say "Which blobs are missing?"
call $service/FindMissingBlobs "{\"parent\": \"$workspace\", \"digests\": [\"$digest\"]}"

say "Upload one with others, or alone in pieces: to store it again is no error"
call $service/BatchUploadBlobs "{\"parent\": \"$workspace\", \"items\": [{\"digest\": \"$digest\", \"data\": \"$data\"}]}"
call $service/UploadBlob "{\"parent\": \"$workspace\", \"digest\": \"$digest\", \"size\": $size} {\"data\": \"$data\"}"

say "Where the store is an object storage, large blobs may travel past the service: PUT, then CompleteUploads; or GET"
call $service/PrepareUploads "{\"parent\": \"$workspace\", \"blobs\": [{\"digest\": \"$digest\", \"size\": $size}]}"
call $service/CompleteUploads "{\"parent\": \"$workspace\", \"uploads\": []}"
call $service/PrepareDownloads "{\"parent\": \"$workspace\", \"digests\": [\"$digest\"]}"

say "Make a tree of it; what is small may come with the tree, stored already or not"
entry="{\"path\": \"train.py\", \"size\": $size, \"mode\": 420, \"digest\": \"$digest\", \"chunks\": [{\"digest\": \"$digest\", \"size\": $size}]}"
call $service/CreateTree "{\"parent\": \"$workspace\", \"entries\": [$entry], \"blobs\": [\"$data\"]}" | tee "$STORY/tree.json"
tree=$(field tree.name <"$STORY/tree.json")

say "What is in the tree"
call $service/GetTree "{\"name\": \"$tree\"}"
call $service/ListTreeEntries "{\"parent\": \"$tree\", \"download_count\": 10}"

say "Read the blob back, with others or alone"
call $service/BatchReadBlobs "{\"parent\": \"$workspace\", \"digests\": [\"$digest\"]}" | bytes data.0 | sha256sum
call $service/DownloadBlob "{\"name\": \"$workspace/blobs/$digest\"}" | bytes data

data_service=orris.artifacts.v1.DataService
say "Put the tree into a datastore, if nobody has changed that meanwhile"
store="$workspace/datastores/scripts"
call $data_service/UpdateDatastore "{\"name\": \"$store\", \"tree\": \"$tree\", \"expected_tree\": \"\"}"
call $data_service/GetDatastore "{\"name\": \"$store\"}"
call $data_service/ListDatastores "{\"parent\": \"$workspace\"}"

say "Register it as a version of a dataset, which keeps its files; unchanged files are no new version, and paths say what is in columns"
version="{\"tree\": \"$tree\", \"partition_format\": \"/{script}.py\", \"description\": \"a script\", \"tags\": {\"kind\": \"story\"}}"
call $data_service/CreateDatasetVersion "{\"parent\": \"$workspace\", \"dataset_id\": \"scripts\", \"dataset_version\": $version}" |
	tee "$STORY/dataset.json"
dataset=$(field dataset_version.name <"$STORY/dataset.json")
call $data_service/GetDatasetVersion "{\"name\": \"$workspace/datasets/scripts\"}"
call $data_service/ListDatasetVersions "{\"parent\": \"$workspace/datasets/scripts\"}"
call $data_service/UpdateDatasetVersion "{\"name\": \"$dataset\", \"set_tags\": {\"read\": \"yes\"}, \"remove_tags\": [\"kind\"]}"

say "What runs have used stays; all else goes with the version and the datastore"
call $data_service/DeleteDatasetVersion "{\"name\": \"$dataset\"}"
call $data_service/DeleteDatastore "{\"name\": \"$store\"}"

say "How much the workspace keeps, and what of it nobody needs any more"
call $service/GetStorage "{\"name\": \"$workspace/storage\"}"
call $service/CollectGarbage "{\"parent\": \"$workspace\", \"grace\": \"86400s\", \"dry_run\": true}"
