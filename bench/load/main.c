// load MODE --option value ...   One line of JSON a result on standard output; bench/README.md names the fields.
#include "load.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

Options opt = {.conns = 100, .rooms = 1, .publishers = 1, .size = 128, .processes = 1, .ramp = 200, .rate = 100, .warmup = 2, .seconds = 4, .settle = 1, .patience = 5, .seed = 1};

// Members of a room are spread over the servers, and every server has as many connections as the next.
int port_of(int index) { return opt.port[(index + index / opt.rooms) % opt.ports]; }

void room_of(Connection *c, int index) {
  snprintf(c->room, sizeof c->room, "r%d", index % opt.rooms);
}

static int list(char *text, int *into, int most) {
  int n = 0;
  for (char *word = strtok(text, ","); word && n < most; word = strtok(NULL, ",")) into[n++] = atoi(word);
  return n;
}

static bool option(const char *name, char *value) {
  const struct { const char *name; int *number; } numbers[] = {
      {"--conns", &opt.conns}, {"--rooms", &opt.rooms}, {"--publishers", &opt.publishers}, {"--size", &opt.size}, {"--processes", &opt.processes}, {"--ramp", &opt.ramp}, {"--window", &opt.window}};
  const struct { const char *name; double *number; } reals[] = {
      {"--rate", &opt.rate}, {"--warmup", &opt.warmup}, {"--seconds", &opt.seconds}, {"--settle", &opt.settle}, {"--patience", &opt.patience}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (!strcmp(name, numbers[i].name)) return *numbers[i].number = atoi(value), true;
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    if (!strcmp(name, reals[i].name)) return *reals[i].number = atof(value), true;
  if (!strcmp(name, "--dialect")) return dialect_choose(value);
  if (!strcmp(name, "--ports")) return (opt.ports = list(value, opt.port, 16)) > 0;
  if (!strcmp(name, "--pids")) return (opt.pids.count = list(value, opt.pids.pid, 64)) > 0;
  if (!strcmp(name, "--seed")) return opt.seed = strtoull(value, NULL, 10), true;
  return false;
}

int main(int argc, char **argv) {
  const struct { const char *name; int (*run)(void); } modes[] = {{"fanout", fanout}, {"hold", hold}, {"churn", churn}, {"visitors", visitors}, {"stalled", stalled}};
  struct rlimit files;
  dialect_choose("chat");
  for (int i = 2; i < argc; i += 2)
    if (i + 1 >= argc || !option(argv[i], argv[i + 1])) return fprintf(stderr, "load: cannot use %s %s\n", argv[i], i + 1 < argc ? argv[i + 1] : ""), 2;
  if (!opt.ports || opt.conns < 1 || opt.rooms < 1 || opt.size < MARK_BYTES || opt.size > 60000 || opt.processes < 1 || opt.processes > 64 || opt.publishers < 1 || opt.publishers > opt.conns || opt.publishers > 99999)
    return fprintf(stderr, "load: --ports is needed; conns, rooms and publishers are at least 1, size %d to 60000\n", MARK_BYTES), 2;
  signal(SIGPIPE, SIG_IGN);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (argc > 1 && !strcmp(argv[1], modes[i].name)) {
      if (modes[i].run != hold) connections_start();
      return modes[i].run();
    }
  return fprintf(stderr, "load: fanout, hold, churn, visitors or stalled\n"), 2;
}
