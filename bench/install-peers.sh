#!/usr/bin/env bash
# Installs what bench/peers/ locks, when it is not there or has changed.
set -eu
cd "$(dirname "$0")/peers"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund --loglevel=error
