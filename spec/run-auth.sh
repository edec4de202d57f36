#!/usr/bin/env bash
# What `npm run test:auth` runs: the core and recovery specs once more, with pods that require a token
# (spec/support/credentials.ts) and have the Redis user of docs/security.md. The specs of access itself are spec/access*.
cd "$(dirname "$0")/.." || exit 1
export SPEC_AUTH=true SPEC_ACL=true
exec bash spec/run.sh \
  spec/{app,examples,faults,hooks,hub,limits,permissions,process}.spec.ts spec/{pods,wire}/*.spec.ts spec/room/*.spec.ts \
  spec/connection/*.spec.ts spec/http/{history,publish}.spec.ts spec/room/recovery/recovery*.spec.ts \
  spec/broker/redis/client.spec.ts spec/history/redis.spec.ts "$@"
