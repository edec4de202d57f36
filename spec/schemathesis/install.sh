#!/usr/bin/env bash
# Installs schemathesis into an environment of its own, if it is not there, and prints the path of its program.
set -eu
cd "$(dirname "$0")/../.."
version=4.32.0
home=node_modules/.cache/schemathesis-$version
if [ ! -x "$home/bin/st" ] || [ ! -e "$home/complete" ]; then
  /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || bash spec/install.sh python3-venv >&2
  rm -rf "$home"
  /usr/bin/python3 -m venv "$home" >&2
  "$home/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" >&2
  touch "$home/complete"
fi
echo "$home/bin/st"
