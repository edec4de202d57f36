// CPU seconds and resident memory of the servers, from /proc. The clock of /proc ticks every 10 ms.
#include "load.h"
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool read_proc(int pid, const char *what, char *text, size_t size) {
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/%s", pid, what);
  FILE *file = fopen(name, "r");
  if (!file) return false;
  size_t n = fread(text, 1, size - 1, file);
  fclose(file);
  text[n] = 0;
  return n > 0;
}

double cpu_seconds(const Pids *pids) {
  double sum = 0;
  for (int i = 0; i < pids->count; i++) {
    char text[1024];
    unsigned long user, system;
    if (!read_proc(pids->pid[i], "stat", text, sizeof text)) continue;
    const char *after_name = strrchr(text, ')'); // a name may hold blanks and brackets
    if (after_name && sscanf(after_name + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2)
      sum += (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
  }
  return sum;
}

double own_cpu_seconds(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

double rss_kb(const Pids *pids) {
  double sum = 0;
  for (int i = 0; i < pids->count; i++) {
    char text[256];
    long resident;
    if (read_proc(pids->pid[i], "statm", text, sizeof text) && sscanf(text, "%*d %ld", &resident) == 1)
      sum += (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
  }
  return sum;
}
