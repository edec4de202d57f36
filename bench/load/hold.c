// hold: many connections that do nothing, in several processes, because one process may not open enough
// files. When all are open it prints a line and reads commands from its standard input: `say` publishes one
// global message and counts it at every connection, `end` closes all.
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  _Atomic int settled, open, ready, hears_global, gone;
  _Atomic uint64_t marks, repeats, first_us, last_us;
  Histogram latency;
  Tally tally;
} Share;
static struct { _Atomic uint32_t number; _Atomic int over; Share of[64]; } *shared;
static Share *mine;
static int parent;

static void heard_open(Connection *c) { (void)c, mine->open++; }
static void heard_ready(Connection *c) { (void)c, mine->ready++; }
static void heard_gone(Connection *c, Phase was) {
  (void)c, mine->gone++;
  if (was >= OPEN) mine->open--;
}
static void heard_mark(Connection *c, Mark mark, uint64_t now) {
  if (mark.number != shared->number) return;
  if (c->last[0] == mark.number) {
    mine->repeats++;
    return;
  }
  c->last[0] = mark.number;
  if (!mine->first_us) mine->first_us = now;
  mine->last_us = now;
  histogram_add(&mine->latency, now - mark.due_us);
  mine->marks++;
}

static void say_global(Connection *c, uint32_t number) {
  char payload[200], message[400];
  size_t n = mark_write(payload, sizeof payload, (Mark){now_us(), 0, number});
  while (n < 128) payload[n++] = 'x';
  payload[n] = 0;
  say(c, 1, message, dialect->publish(message, sizeof message, payload, true));
}

static void child(int process) {
  int first = (int)((long)opt.conns * process / opt.processes), count = (int)((long)opt.conns * (process + 1) / opt.processes) - first;
  int ramp = opt.ramp / opt.processes > 0 ? opt.ramp / opt.processes : 1, next = 0, progress = -1;
  Connection *connections = calloc((size_t)count, sizeof *connections);
  uint32_t *last = calloc((size_t)count, sizeof *last), said = 0;
  mine = shared->of + process;
  connections_start();
  on = (Events){.opened = heard_open, .ready = heard_ready, .gone = heard_gone, .marked = heard_mark};
  uint64_t news = now_us();
  while (!shared->over && getppid() == parent) {
    while (next < count && next - mine->ready - mine->gone < ramp) {
      Connection *c = connections + next;
      c->index = (uint32_t)(first + next), c->last = last + next;
      room_of(c, first + next++);
      dial(c, port_of((int)c->index), 1 + (uint32_t)process);
    }
    turn(now_us() + (mine->settled ? 20000 : 100000));
    if (!mine->settled) {
      if (mine->ready + mine->gone != progress) progress = mine->ready + mine->gone, news = now_us();
      if (progress >= count || now_us() - news > opt.patience * 1e6) {
        mine->hears_global = 0;
        for (int i = 0; i < count; i++) mine->hears_global += (connections[i].ready & READY_GLOBAL) != 0;
        mine->settled = 1;
      }
    }
    if (process == 0 && said != shared->number)
      for (int i = 0; i < count; i++)
        if (connections[i].phase == OPEN) {
          say_global(connections + i, said = shared->number);
          break;
        }
  }
  on = (Events){0};
  for (int i = 0; i < count; i++) vanish(connections + i);
  mine->tally = tally;
  _exit(0);
}

#define SUM(field) ({ uint64_t sum = 0; for (int k = 0; k < opt.processes; k++) sum += shared->of[k].field; sum; })

static void print_said(double sent_us, double cpu) {
  Histogram all = {0};
  uint64_t first = UINT64_MAX, last = 0;
  for (int k = 0; k < opt.processes; k++) {
    Share *s = shared->of + k;
    histogram_merge(&all, &s->latency);
    if (s->first_us && s->first_us < first) first = s->first_us;
    if (s->last_us > last) last = s->last_us;
  }
  printf("{\"said\":%u,\"open\":%llu,\"delivered\":%llu,\"repeats\":%llu,\"first_ms\":%.1f,\"last_ms\":%.1f,\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"server_cpu_s\":%.2f}\n", shared->number,
         (unsigned long long)SUM(open), (unsigned long long)SUM(marks), (unsigned long long)SUM(repeats), last ? ((double)first - sent_us) / 1000 : -1, last ? ((double)last - sent_us) / 1000 : -1,
         histogram_ms(&all, 0.5), histogram_ms(&all, 0.99), cpu);
  fflush(stdout);
}

int hold(void) {
  pid_t children[64];
  char word[100];
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  parent = getpid();
  double rss_before = rss_kb(&opt.pids), cpu_before = cpu_seconds(&opt.pids);
  uint64_t began = now_us(), told = began;
  fflush(stdout);
  for (int i = 0; i < opt.processes; i++)
    if ((children[i] = fork()) == 0) child(i);
  while (SUM(settled) < (uint64_t)opt.processes) {
    usleep(50000);
    if (now_us() - told < 5000000) continue;
    told = now_us();
    fprintf(stderr, "  %llu of %d after %.0f s\n", (unsigned long long)SUM(ready), opt.conns, (double)(told - began) / 1e6);
  }
  double connect_s = (double)(now_us() - began) / 1e6;
  usleep((useconds_t)(opt.settle * 1e6));
  printf("{\"held\":%llu,\"ready\":%llu,\"hears_global\":%llu,\"gone\":%llu,\"conns\":%d,\"connect_s\":%.2f,\"connect_cpu_s\":%.2f,\"rss_before_kb\":%.0f,\"rss_kb\":%.0f}\n", (unsigned long long)SUM(open),
         (unsigned long long)SUM(ready), (unsigned long long)SUM(hears_global), (unsigned long long)SUM(gone), opt.conns, connect_s, cpu_seconds(&opt.pids) - cpu_before, rss_before, rss_kb(&opt.pids));
  fflush(stdout);

  while (fgets(word, sizeof word, stdin) && strncmp(word, "end", 3)) {
    if (strncmp(word, "say", 3)) continue;
    for (int k = 0; k < opt.processes; k++) {
      Share *s = shared->of + k;
      s->marks = s->repeats = s->first_us = s->last_us = 0;
      memset(&s->latency, 0, sizeof s->latency);
    }
    double cpu = cpu_seconds(&opt.pids);
    uint64_t sent = now_us(), marks = 0, news = sent;
    shared->number++;
    while (now_us() - news < opt.patience * 1e6 && SUM(marks) < SUM(open)) {
      usleep(10000);
      if (SUM(marks) != marks) marks = SUM(marks), news = now_us();
    }
    usleep(1000000); // a repeat would come now
    print_said((double)sent, cpu_seconds(&opt.pids) - cpu);
  }
  shared->over = 1;
  for (int i = 0; i < opt.processes; i++) waitpid(children[i], NULL, 0);
  for (int k = 0; k < opt.processes; k++) {
    Tally *t = &shared->of[k].tally;
    tally.refused += t->refused, tally.failed += t->failed, tally.errors += t->errors;
    for (int i = 0; i < 5000; i++) tally.closes[i] += t->closes[i];
  }
  printf("{\"over\":true,\"refused\":%llu,\"failed\":%llu,\"errors\":%llu,", (unsigned long long)tally.refused, (unsigned long long)tally.failed, (unsigned long long)tally.errors);
  print_closes();
  printf("}\n");
  return 0;
}
