#!/usr/bin/env bash
# What `npm test` runs: types, lint, format, layers, dead code, the package (not with --fast), then the specs. With
# arguments, which go to tap, only these specs: `npm test -- spec/config/index.spec.ts`. The last line has tap's counts.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1
export PATH="$PWD/node_modules/.bin:$PATH" FORCE_COLOR=0

fast=no
if [ "${1:-}" = --fast ]; then
  fast=yes
  shift
fi

have() { command -v "$1" >/dev/null; }

# Prints the packages of the distribution that the specs need and that are missing, one a line.
missing_packages() {
  { have redis-server && have redis-cli; } || echo redis-server
  # spec/history/archive
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || echo postgresql
  # spec/deploy
  PATH="$PATH:/usr/sbin" have nginx || echo nginx-light
  /usr/bin/python3 -c 'import pip' 2>/dev/null || echo python3-pip
  # the dashboards and alerts of deploy/; it has promtool too
  have prometheus || echo prometheus
  # the page of spec/browser
  have chromium || echo chromium
  # the clients in examples/go and examples/python
  have go || echo golang-go
  [ -d /usr/share/gocode/src/github.com/gorilla/websocket ] || echo golang-github-gorilla-websocket-dev
  # another python3 in PATH does not find the packages of the distribution
  /usr/bin/python3 -c 'import websockets' 2>/dev/null || echo python3-websockets
}

if [ "$fast" = no ]; then
  mapfile -t packages < <(missing_packages)
  if [ "${#packages[@]}" -gt 0 ]; then
    bash spec/install.sh "${packages[@]}"
    mapfile -t packages < <(missing_packages)
  fi
  if [ "${#packages[@]}" -gt 0 ]; then
    echo "The specs need on Debian and Ubuntu: sudo apt-get install ${packages[*]}" >&2
    exit 1
  fi
fi

failed=()
check() {
  local name=$1
  shift
  echo "# $name"
  "$@" </dev/null || failed+=("$name")
}

# The lint takes as long as the other checks together, so it runs beside them. With --fast, types and lint check only what
# has changed since the last run. A changed type may cause a fault in the lint of an unchanged file: only the whole run
# finds it.
if [ $# -eq 0 ]; then
  types=() lint=()
  if [ "$fast" = yes ]; then
    types=(--incremental --tsBuildInfoFile node_modules/.cache/chat-api/types.tsbuildinfo)
    lint=(--cache --cache-strategy content --cache-location node_modules/.cache/chat-api/lint)
  fi
  linted=$(mktemp)
  eslint "${lint[@]}" . </dev/null >"$linted" 2>&1 &
  linting=$!
  check 'types' tsc "${types[@]}"
  check 'types of the demo page' tsc -p demo
  check 'types of the load tests' tsc -p deploy/k6
  check 'format' biome ci --colors=off .
  check 'layers' depcruise --no-progress lib spec
  check 'dead code' knip --no-progress --no-config-hints
  if [ "$fast" = no ]; then check 'package' npm run --silent lint:package; fi
  check 'lint' wait "$linting"
  cat "$linted"
  rm -f "$linted"
fi

if [ "$fast" = yes ]; then
  mapfile -t specs < <(node spec/fast.mjs)
  set -- "${specs[@]}" "$@"
fi

# specs are compiled once, as a TypeScript loader in each process takes longer than most of them
compiled=$(node spec/compile.mjs) || exit 1
if [ $# -eq 0 ]; then mapfile -t specs < <(find spec -name '*.spec.ts' | sort); else specs=("$@"); fi
mapfile -t specs < <(printf '%s\n' "${specs[@]}" | sed -E "s,^(\./)?(spec/.*)\.ts\$,$compiled/\2.js,")

echo '# specs'
results=$(mktemp)
trap 'rm -f "$results"' EXIT
reporter=()
if [ ! -t 1 ]; then reporter=(--reporter=min); fi
tap "${reporter[@]}" --output-file="$results" "${specs[@]}" </dev/null
status=$?
grep -E '^(not )?ok [0-9]+ - ' "$results" | sed "s,$compiled/,,"

# tap's own summary of all files: `# { total: 3, pass: 1, fail: 1, skip: 1 }`
summary=$(grep -E '^# \{ total: ' "$results" | tail -n 1)
counted() { sed -n -E "s/.*[{,] $1: ([0-9]+).*/\1/p" <<<"$summary" | grep . || echo 0; }
passed=$(counted pass)
broken=$(counted fail)
skipped=$(($(counted skip) + $(counted todo)))

for name in "${failed[@]}"; do
  echo "failed before the specs: $name"
  status=1
done
if [ -z "$summary" ] || [ "$((passed + broken))" -eq 0 ]; then
  echo 'tap counted nothing'
  status=1
fi
if [ "$broken" -gt 0 ]; then status=1; fi
if [ "$skipped" -gt 0 ]; then
  echo "$passed passed, $broken failed, $skipped skipped"
else
  echo "$passed passed, $broken failed"
fi
exit "$status"
