// fanout: publishers at a fixed rate, whatever the server does (open loop). The latency of a message counts
// from when it was due, so neither a slow server nor a late client is hidden. Every publisher numbers its
// messages and every member checks the numbers: a loss and a repeat together do not make a right total.
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static Connection *connections;
static Histogram latency;
static uint32_t *members; // of each room, now
static uint64_t from_us, to_us, arrived, matched, holes, repeats, last_news;
static int ready, gone;

static void heard_ready(Connection *c) {
  ready++;
  members[c->index % (uint32_t)opt.rooms]++;
  last_news = now_us();
}
static void heard_gone(Connection *c, Phase was) {
  gone++;
  if (was >= OPEN && members[c->index % (uint32_t)opt.rooms]) members[c->index % (uint32_t)opt.rooms]--;
  last_news = now_us();
}
static void heard_mark(Connection *c, Mark mark, uint64_t now) {
  uint32_t *last = &c->last[mark.publisher / (uint32_t)opt.rooms];
  if (mark.number == *last + 1) *last = mark.number;
  else if (mark.number > *last) holes += mark.number - *last - 1, *last = mark.number;
  else repeats++;
  if (now >= from_us && now < to_us) arrived++;
  if (mark.due_us < from_us || mark.due_us >= to_us) return;
  matched++;
  histogram_add(&latency, now > mark.due_us ? now - mark.due_us : 0);
}

static bool publish(int publisher, uint32_t number, uint64_t due_us) {
  static char payload[1 << 17], message[(1 << 17) + 200];
  Connection *c = connections + publisher;
  if (c->phase != OPEN) return false;
  size_t n = mark_write(payload, sizeof payload, (Mark){due_us, (uint32_t)publisher, number});
  while (n < (size_t)opt.size) payload[n++] = 'x';
  payload[n] = 0;
  say(c, 1, message, dialect->publish(message, sizeof message, payload, false));
  return true;
}

int fanout(void) {
  int slots = (opt.publishers + opt.rooms - 1) / opt.rooms, next = 0;
  connections = calloc((size_t)opt.conns, sizeof *connections);
  members = calloc((size_t)opt.rooms, sizeof *members);
  uint32_t *last = calloc((size_t)opt.conns * (size_t)slots, sizeof *last), *numbers = calloc((size_t)opt.publishers, sizeof *numbers);
  on = (Events){.ready = heard_ready, .gone = heard_gone, .marked = heard_mark};

  uint64_t began = last_news = now_us();
  while (ready + gone < opt.conns && now_us() - last_news < opt.patience * 1e6) {
    while (next < opt.conns && tally.handshakes < opt.ramp) {
      Connection *c = connections + next;
      c->index = (uint32_t)next, c->last = last + (size_t)next * (size_t)slots;
      room_of(c, next);
      dial(c, port_of(next++), 1);
    }
    turn(now_us() + 100000);
  }
  double connect_s = (double)(now_us() - began) / 1e6;
  for (uint64_t end = now_us() + (uint64_t)(opt.settle * 1e6); now_us() < end;) turn(end);

  uint64_t start = now_us(), sent = 0, expected = 0, published = 0, unsent = 0, late_us = 0, begun_us = 0;
  double cpu_from = 0, own_from = 0;
  from_us = start + (uint64_t)(opt.warmup * 1e6);
  to_us = from_us + (uint64_t)(opt.seconds * 1e6);
  for (;;) {
    uint64_t now = now_us(), due = 0;
    if (!begun_us && now >= from_us) begun_us = now, cpu_from = cpu_seconds(&opt.pids), own_from = own_cpu_seconds();
    for (int burst = 0; (due = start + (uint64_t)((double)sent / opt.rate * 1e6)) <= now && due < to_us && burst < 64; burst++, sent++) {
      int publisher = (int)(sent % (uint64_t)opt.publishers);
      bool counts = due >= from_us, said = publish(publisher, numbers[publisher] + 1, due);
      if (said) numbers[publisher]++;
      if (!counts) continue;
      if (now - due > late_us) late_us = now - due;
      if (said) published++, expected += members[publisher % opt.rooms];
      else unsent++;
    }
    if (now >= to_us) break;
    turn(due < to_us ? due : to_us);
  }
  uint64_t ended_us = now_us();
  double cpu = cpu_seconds(&opt.pids) - cpu_from, own = own_cpu_seconds() - own_from, elapsed = (double)(ended_us - begun_us) / 1e6;
  double rss = rss_kb(&opt.pids);
  for (uint64_t end = now_us() + (uint64_t)(opt.patience * 1e6); now_us() < end && matched < expected;) turn(now_us() + 20000);

  printf("{\"conns\":%d,\"ready\":%d,\"gone\":%d,\"rooms\":%d,\"rate\":%.0f,\"size\":%d,\"connect_s\":%.2f,", opt.conns, ready, gone, opt.rooms, opt.rate, opt.size, connect_s);
  printf("\"published\":%llu,\"unsent\":%llu,\"expected\":%llu,\"delivered\":%llu,\"holes\":%llu,\"repeats\":%llu,\"errors\":%llu,", (unsigned long long)published,
         (unsigned long long)unsent, (unsigned long long)expected, (unsigned long long)matched, (unsigned long long)holes, (unsigned long long)repeats, (unsigned long long)tally.errors);
  printf("\"deliveries_per_s\":%.0f,\"server_cpu\":%.3f,\"deliveries_per_cpu_s\":%.0f,\"client_cpu\":%.2f,\"late_ms\":%.2f,", (double)arrived / elapsed, cpu / elapsed,
         cpu > 0 ? (double)arrived / cpu : 0, own / elapsed, (double)late_us / 1000);
  printf("\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"p999_ms\":%.2f,\"max_ms\":%.2f,\"rss_kb\":%.0f,", histogram_ms(&latency, 0.5), histogram_ms(&latency, 0.99), histogram_ms(&latency, 0.999),
         histogram_ms(&latency, 1), rss);
  print_closes();
  printf("}\n");
  if (tally.errors) fprintf(stderr, "an error was said: %s\n", tally.first_error);
  on = (Events){0};
  for (int i = 0; i < opt.conns; i++) vanish(connections + i);
  return 0;
}
