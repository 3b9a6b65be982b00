# Sourced by the scripts beside it: where Orris is, the token, and `call SERVICE/METHOD [JSON]`.
#
# ORRIS_ADDRESS and ORRIS_TOKEN win; else the local instance is found in ORRIS_HOME. What one script made for the next is
# kept in the folder STORY (default: build/grpcurl-story below the current folder).
#
# Answers have the contracts' own names (`model_version`): the reflection of a Python server tells no others.

set -euo pipefail

home=${ORRIS_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/orris}
STORY=${STORY:-build/grpcurl-story}
mkdir -p "$STORY"

# Print a field of each message on standard input, a line each: `field run.name`, `field digests.0`.
field() {
  python3 -c '
import json, sys
rest, decoder = sys.stdin.read().strip(), json.JSONDecoder()
while rest:
    value, end = decoder.raw_decode(rest)
    rest = rest[end:].lstrip()
    for part in sys.argv[1].split("."):
        value = value[int(part)] if isinstance(value, list) else value.get(part, "")
    print(value if isinstance(value, str) else json.dumps(value))' "$1"
}

# Print the bytes that a field of each message holds.
bytes() { field "$1" | while read -r line; do base64 -d <<<"$line"; done; }

address=${ORRIS_ADDRESS:-$(field address <"$home/instance.json")}
token=${ORRIS_TOKEN:-$(cat "$(field token_file <"$home/instance.json")")}
workspace=${ORRIS_WORKSPACE:-workspaces/default}

# Call a method with a JSON request (several, where it takes a stream); the answer goes to standard output.
call() {
  grpcurl -plaintext -H "authorization: Bearer $token" -d "${2:-{\}}" "$address" "$1"
}

say() { printf '\n# %s\n' "$*"; }
