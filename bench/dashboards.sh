#!/usr/bin/env bash
# npm run dashboards [SECONDS]: installs Prometheus, Redis and PostgreSQL of the distribution when they are missing, builds, and asks.
set -eu
cd "$(dirname "$0")/.."
packages=()
for program in redis-server prometheus; do
  command -v "$program" >/dev/null || packages+=("$program")
done
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || packages+=(postgresql)
if [ "${#packages[@]}" -gt 0 ]; then
  bash spec/install.sh "${packages[@]}" || {
    echo "This needs, on Debian and Ubuntu: sudo apt-get install ${packages[*]}" >&2
    exit 1
  }
fi
exec node_modules/.bin/tsx bench/dashboards.ts "$@"
