#!/usr/bin/env bash
# What the benches with a browser or a proxy need: `dist/`, the peers, and programs of the distribution, installed
# when they are missing. Arguments: the packages, which are called as their programs (but for nginx).
set -eu
cd "$(dirname "$0")/.."
packages=()
for program in redis-server "$@"; do
  PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || packages+=("${program/#nginx/nginx-light}")
done
if [ "${#packages[@]}" -gt 0 ]; then
  bash spec/install.sh "${packages[@]}" || {
    echo "This bench needs, on Debian and Ubuntu: sudo apt-get install ${packages[*]}" >&2
    exit 1
  }
fi
[ "${SKIP_PEERS:-}" != "" ] || bash bench/install-peers.sh
[ "${SKIP_BUILD:-}" != "" ] || npm run --silent build
