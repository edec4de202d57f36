// Monotonic time, and latencies counted in log-linear steps.
#include "load.h"
#include <time.h>

uint64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int step_of(uint64_t us) {
  if (us < STEPS) return (int)us;
  int octave = 63 - __builtin_clzll(us) - 4; // 32..63 is octave 1
  int step = octave * STEPS + (int)((us >> (octave - 1)) & (STEPS - 1));
  return step < OCTAVES * STEPS ? step : OCTAVES * STEPS - 1;
}

static uint64_t value_of(int step) {
  if (step < STEPS) return (uint64_t)step;
  int octave = step / STEPS;
  return ((uint64_t)STEPS + (uint64_t)(step % STEPS)) << (octave - 1);
}

void histogram_add(Histogram *h, uint64_t us) { h->count[step_of(us)]++; }

void histogram_merge(Histogram *into, const Histogram *from) {
  for (int i = 0; i < OCTAVES * STEPS; i++) into->count[i] += from->count[i];
}

// -1 when nothing was counted.
double histogram_ms(const Histogram *h, double quantile) {
  uint64_t total = 0, seen = 0;
  for (int i = 0; i < OCTAVES * STEPS; i++) total += h->count[i];
  if (total == 0) return -1;
  uint64_t rank = (uint64_t)(quantile * (double)(total - 1)) + 1;
  for (int i = 0; i < OCTAVES * STEPS; i++)
    if ((seen += h->count[i]) >= rank) return (double)value_of(i) / 1000;
  return -1;
}
