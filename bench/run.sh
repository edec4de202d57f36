#!/bin/bash
# npm run bench -- PART [ARGUMENT]...   fanout, idle, churn, hundredk, soak [MINUTES], slow, stalled, workers, nodes, beside DIRECTORY [LOAD]; without a part: fanout idle slow.
# Builds what it needs: the service, the load generator, the peers. bench/README.md says what each part measures.
set -eu
cd "$(dirname "$0")/.."

parts="fanout idle churn hundredk soak slow stalled workers nodes beside"
usage() {
  echo "usage: bench/run.sh [$(echo "$parts" | tr ' ' '|')] [ARGUMENT]..." >&2
  exit 2
}

build_load() {
  mkdir -p bench/build
  local newest
  newest=$(find bench/load -name '*.[ch]' -newer bench/build/load -print -quit 2>/dev/null || echo all)
  [ -x bench/build/load ] && [ -z "$newest" ] && return
  "${CC:-cc}" -O2 -Wall -Wextra -o bench/build/load bench/load/*.c
}

part() {
  case $1 in fanout | idle | churn) bash bench/install-peers.sh ;; esac
  node "bench/parts/$1.mjs" "${@:2}"
}

[ "${1:-}" = "" ] || case " $parts " in *" $1 "*) ;; *) usage ;; esac
ulimit -n "$(ulimit -Hn)" # a connection is a file
build_load
# SKIP_BUILD=1 measures the dist/ that is there.
[ "${SKIP_BUILD:-}" != "" ] || npm run --silent build
if [ $# -gt 0 ]; then
  part "$@"
else
  for each in fanout idle slow; do part "$each"; done
fi
