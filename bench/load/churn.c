// churn: `conns` slots, each of which connects, becomes a member, closes with a close frame, and connects
// again at once.
#include "load.h"
#include <stdio.h>
#include <stdlib.h>

static Histogram until_ready;
static uint64_t *dialled, cycles, from_us;
static Connection *connections;

static void heard_ready(Connection *c) {
  uint64_t now = now_us();
  if (now >= from_us) histogram_add(&until_ready, now - dialled[c->index]);
  leave(c);
}
static void heard_gone(Connection *c, Phase was) {
  (void)c;
  if (was == LEAVING && now_us() >= from_us) cycles++;
}

int churn(void) {
  connections = calloc((size_t)opt.conns, sizeof *connections);
  dialled = calloc((size_t)opt.conns, sizeof *dialled);
  on = (Events){.ready = heard_ready, .gone = heard_gone};
  uint64_t start = now_us(), begun_us = 0, dials = 0, to_us;
  double cpu_from = 0;
  from_us = start + (uint64_t)(opt.warmup * 1e6);
  to_us = from_us + (uint64_t)(opt.seconds * 1e6);
  for (uint64_t now; (now = now_us()) < to_us;) {
    if (!begun_us && now >= from_us) begun_us = now, cpu_from = cpu_seconds(&opt.pids);
    for (int i = 0; i < opt.conns; i++) {
      Connection *c = connections + i;
      if (c->phase != IDLE || tally.handshakes >= opt.ramp) continue;
      c->index = (uint32_t)i;
      room_of(c, i);
      dialled[i] = now_us();
      dial(c, port_of(i), 1 + (uint32_t)(dials++ % 100));
    }
    turn(now + 2000);
  }
  double elapsed = (double)(now_us() - begun_us) / 1e6, cpu = cpu_seconds(&opt.pids) - cpu_from;
  printf("{\"slots\":%d,\"cycles\":%llu,\"cycles_per_s\":%.0f,\"cycles_per_cpu_s\":%.0f,\"server_cpu\":%.3f,\"ready_p50_ms\":%.2f,\"ready_p99_ms\":%.2f,\"refused\":%llu,\"failed\":%llu,\"rss_kb\":%.0f,", opt.conns,
         (unsigned long long)cycles, (double)cycles / elapsed, cpu > 0 ? (double)cycles / cpu : 0, cpu / elapsed, histogram_ms(&until_ready, 0.5), histogram_ms(&until_ready, 0.99),
         (unsigned long long)tally.refused, (unsigned long long)tally.failed, rss_kb(&opt.pids));
  print_closes();
  printf("}\n");
  on = (Events){0};
  for (int i = 0; i < opt.conns; i++) vanish(connections + i);
  return 0;
}
