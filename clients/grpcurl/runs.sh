#!/usr/bin/env bash
# Runs with grpcurl: submit the tree of artifacts.sh in the environment of images.sh, watch it, read its log and metrics.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
service=orris.runs.v1.RunService

say "Who am I, and who executes runs"
call orris.runs.v1.WorkspaceService/GetWorkspace "{\"name\": \"$workspace\"}"
call orris.runs.v1.AgentService/ListAgents

say "Submit"
run="{\"experiment\": \"$workspace/experiments/grpcurl-story\", \"script\": \"train.py\",
  \"snapshot\": \"$(field tree.name <"$STORY/tree.json")\", \"environment\": \"$(field environment.name <"$STORY/environment.json")\"}"
call $service/CreateRun "{\"parent\": \"$workspace\", \"run\": $run, \"request_id\": \"story-$$-$(date +%s)\"}" | tee "$STORY/run.json"
name=$(field run.name <"$STORY/run.json")

say "Watch it to its end"
call $service/WatchRun "{\"name\": \"$name\"}" | grep '"state"'
call $service/GetRun "{\"name\": \"$name\"}" | tee "$STORY/run.json"

say "Its logs"
call $service/ListRunLogs "{\"parent\": \"$name\"}"
call $service/ReadRunLog "{\"name\": \"$name/logs/user_logs/std_log.txt\", \"follow\": true}"

say "Its metrics"
call $service/ListRunMetrics "{\"parent\": \"$name\"}"
