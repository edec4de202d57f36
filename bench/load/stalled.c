// stalled: `conns` members that stop reading as soon as they are members. A member that is cut cannot notice
// it, as the close frame is after the bytes that it does not read. So each connects again after about
// `patience` seconds, not all at once, and the server always has some of them.
#include "load.h"
#include <stdio.h>
#include <stdlib.h>

static Connection *connections;
static uint64_t *since_us, stalls;

static void heard_ready(Connection *c) {
  since_us[c->index] = now_us();
  stalls++;
  stall(c);
}
static void heard_gone(Connection *c, Phase was) {
  (void)was;
  since_us[c->index] = 0;
}

int stalled(void) {
  connections = calloc((size_t)opt.conns, sizeof *connections);
  since_us = calloc((size_t)opt.conns, sizeof *since_us);
  on = (Events){.ready = heard_ready, .gone = heard_gone};
  uint64_t start = now_us(), to_us = start + (uint64_t)(opt.seconds * 1e6), dials = 0;
  int most = 0;
  for (uint64_t now; (now = now_us()) < to_us;) {
    int held = 0;
    for (int i = 0; i < opt.conns; i++) {
      Connection *c = connections + i;
      double patience_us = opt.patience * 1e6 * (0.5 + (double)i / opt.conns);
      if (c->phase == OPEN && since_us[i] && (double)(now - since_us[i]) > patience_us) vanish(c);
      if (since_us[i]) held++;
      if (c->phase != IDLE || tally.handshakes >= opt.ramp) continue;
      c->index = (uint32_t)i;
      room_of(c, i);
      dial(c, port_of(i), 1 + (uint32_t)(dials++ % 100));
    }
    if (held > most) most = held;
    turn(now + 5000);
  }
  printf("{\"slots\":%d,\"most\":%d,\"stalls\":%llu,\"refused\":%llu,\"failed\":%llu}\n", opt.conns, most, (unsigned long long)stalls, (unsigned long long)tally.refused, (unsigned long long)tally.failed);
  on = (Events){0};
  for (int i = 0; i < opt.conns; i++) vanish(connections + i);
  return 0;
}
