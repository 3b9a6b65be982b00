#!/usr/bin/env bash
# Runs with grpcurl: submit the tree of artifacts.sh in the environment of images.sh, watch it, read its log and metrics.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
service=orris.runs.v1.RunService
workspaces=orris.runs.v1.WorkspaceService

say "Workspaces, and who executes runs"
call $workspaces/CreateWorkspace '{"workspace_id": "grpcurl-story", "request_id": "grpcurl-story"}'
call $workspaces/GetWorkspace "{\"name\": \"$workspace\"}"
call $workspaces/ListWorkspaces | grep '"name"'
call orris.runs.v1.AgentService/ListAgents

say "A pool of machines: runs wait in it, and its nodes come and go"
pools=orris.runs.v1.PoolService
pool='{"engine": "local", "max_nodes": 1, "idle_time": "60s"}'
call $pools/CreatePool "{\"pool_id\": \"grpcurl-story\", \"pool\": $pool, \"request_id\": \"story-$$-$(date +%s)\"}"
call $pools/ListPools | grep '"name"'
call $pools/UpdatePool '{"name": "pools/grpcurl-story", "max_nodes": 2, "description": "told with grpcurl"}' | field pool.max_nodes
call $pools/ListNodes '{"parent": "pools/local"}'
call $pools/GetPool '{"name": "pools/grpcurl-story"}' | field pool.description
exec 3< <(call $pools/WatchPool '{"name": "pools/grpcurl-story"}')
read -r _ <&3 # it is watched now, until it is gone
call $pools/DeletePool '{"name": "pools/grpcurl-story"}'
grep '"end"' <&3
exec 3<&-

say "A token for somebody who may only look, for an hour"
call $workspaces/CreateToken "{\"parent\": \"$workspace\", \"role\": \"ROLE_READER\", \"lifetime\": \"3600s\"}" | field expire_time

say "An experiment"
call $service/CreateExperiment "{\"parent\": \"$workspace\", \"experiment_id\": \"grpcurl-story\"}"
call $service/GetExperiment "{\"name\": \"$workspace/experiments/grpcurl-story\"}"
call $service/ListExperiments "{\"parent\": \"$workspace\"}" | grep '"name"'
call $service/UpdateExperiment "{\"experiment\": {\"name\": \"$workspace/experiments/grpcurl-story\", \"max_concurrent_runs\": 2}}"

say "Submit, with data: files of a tree, or of a dataset's version, which the program finds by the variable \`source\`"
run="{\"experiment\": \"$workspace/experiments/grpcurl-story\", \"script\": \"train.py\",
  \"snapshot\": \"$(field tree.name <"$STORY/tree.json")\", \"environment\": \"$(field environment.name <"$STORY/environment.json")\",
  \"inputs\": [{\"name\": \"source\", \"tree\": \"$(field tree.name <"$STORY/tree.json")\", \"mode\": \"MODE_MOUNT\", \"as_folder\": true}]}"
call $service/CreateRun "{\"parent\": \"$workspace\", \"run\": $run, \"request_id\": \"story-$$-$(date +%s)\"}" | tee "$STORY/run.json"
name=$(field run.name <"$STORY/run.json")

say "Watch it to its end: the last message tells its logs, too"
call $service/WatchRun "{\"name\": \"$name\"}" | grep -E '"state"|/logs/'
call $service/GetRun "{\"name\": \"$name\"}" | tee "$STORY/run.json"

say "Its logs"
call $service/ListRunLogs "{\"parent\": \"$name\"}"
call $service/ReadRunLog "{\"name\": \"$name/logs/user_logs/std_log.txt\", \"follow\": true}" | bytes data

say "Its metrics, and what they come to"
call $service/ListRunMetrics "{\"parent\": \"$name\"}"
call $service/SummarizeRunMetrics "{\"parent\": \"$name\"}"

say "What it used: the totals, and its course where it took longer than two seconds"
call $service/GetRun "{\"name\": \"$name\"}" | field run.usage
call $service/ListRunUsage "{\"parent\": \"$name\"}"

say "Tag it, and find it by that"
call $service/UpdateRun "{\"name\": \"$name\", \"set_tags\": {\"told\": \"with grpcurl\"}}" | field run.tags
call $service/ListRuns "{\"parent\": \"$workspace\", \"tags\": {\"told\": \"with grpcurl\"}}" | grep '"display_name"'

say "Submit it once more, and take over the results of that run"
call $service/CreateRun "{\"parent\": \"$workspace\", \"run\": ${run%\}}, \"reuse\": true, \"max_retries\": 2}}" | field run.reused_run

say "Submit it once more, for a machine that nobody has: it says what it waits for. Cancel that one"
large="${run%\}}, \"priority\": -10, \"distribution\": \"DISTRIBUTION_JOBLIB\", \"resources\": {\"gpus\": 1000}}"
call $service/CreateRun "{\"parent\": \"$workspace\", \"run\": $large}" | tee "$STORY/second-run.json" | field run.state_reason
second=$(field run.name <"$STORY/second-run.json")
call $service/CancelRun "{\"name\": \"$second\", \"reason\": \"the story has been told\"}" | field run.state
call $service/WatchRun "{\"name\": \"$second\", \"final_only\": true}" | field run.state

say "A sweep: one trial for each number, watch it to its end"
sweeps=orris.runs.v1.SweepService
numbers='{"name": "number", "choice": {"values": [{"integer": "1"}, {"integer": "2"}]}}'
sweep="{\"run\": {\"experiment\": \"$workspace/experiments/grpcurl-story\"}, \"trial\": $run, \"parameters\": [$numbers],
  \"sampling\": {\"method\": \"METHOD_GRID\"}, \"metric\": \"Accuracy\", \"goal\": \"GOAL_MAXIMIZE\", \"max_total_runs\": 2}"
call $sweeps/CreateSweep "{\"parent\": \"$workspace\", \"sweep\": $sweep, \"request_id\": \"sweep-$$-$(date +%s)\"}" >"$STORY/sweep.json"
sweep=$(field sweep.run.name <"$STORY/sweep.json")
call $sweeps/WatchSweep "{\"name\": \"$sweep\"}" | grep '"end"'
call $sweeps/GetSweep "{\"name\": \"$sweep\"}" | field sweep.best
call $sweeps/ListSweepTrials "{\"parent\": \"$sweep\", \"best_first\": true}" | grep '"best_value"'
call $sweeps/ListSweepMetrics "{\"parent\": \"$sweep\", \"metric\": \"Accuracy\"}" | grep '"number"'
call $service/DeleteRun "{\"name\": \"$sweep\", \"children\": true}"

say "A run that nobody submitted: begin it, tell it what happens, keep files with it, end it"
run="{\"experiment\": \"$workspace/experiments/grpcurl-by-hand\", \"kind\": \"RUN_KIND_INTERACTIVE\"}"
call $service/CreateRun "{\"parent\": \"$workspace\", \"run\": $run}" >"$STORY/interactive.json"
name=$(field run.name <"$STORY/interactive.json")
session=$(field session <"$STORY/interactive.json")
events='[{"metric": {"metric": "loss", "type": "TYPE_SCALAR", "step": 1, "value": {"number": 0.5}}}]'
call $service/RecordRunEvents "{\"name\": \"$name\", \"session\": \"$session\", \"events\": $events}"
call $service/RenewRun "{\"name\": \"$name\", \"session\": \"$session\"}" | field run.state
call $service/KeepRunFiles "{\"name\": \"$name\", \"outputs\": \"$(field tree.name <"$STORY/tree.json")\"}" | field run.outputs
call $service/EndRun "{\"name\": \"$name\", \"session\": \"$session\", \"state\": \"STATE_COMPLETED\"}" | field run.state

say "Out of sight, back again, and gone"
call $service/ArchiveRun "{\"name\": \"$name\"}" | field run.archived
call $service/ListRuns "{\"parent\": \"$workspace\", \"view\": \"ARCHIVE_VIEW_ARCHIVED\"}" | grep '"display_name"'
call $service/UnarchiveRun "{\"name\": \"$name\"}" >/dev/null
call $service/DeleteRun "{\"name\": \"$name\"}"
call $service/ArchiveExperiment "{\"name\": \"$workspace/experiments/grpcurl-by-hand\"}" | field experiment.archived
call $service/UnarchiveExperiment "{\"name\": \"$workspace/experiments/grpcurl-by-hand\"}" >/dev/null
call $service/DeleteExperiment "{\"name\": \"$workspace/experiments/grpcurl-by-hand\"}"
