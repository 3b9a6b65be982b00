#!/usr/bin/env bash
# The whole story with grpcurl: a script becomes a run, a model and an endpoint. Needs a running instance: `orris up -d`.
source "$(dirname "${BASH_SOURCE[0]}")/connection.sh"
here=$(dirname "${BASH_SOURCE[0]}")

say "Which services are there?"
grpcurl -plaintext -H "authorization: Bearer $token" "$address" list
for noun in artifacts images runs models inference; do bash "$here/$noun.sh"; done
