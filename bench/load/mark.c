// The mark that a payload carries. It is looked for in what arrives, byte by byte, so it is found in any envelope and
// counted as often as it occurs.
#include "load.h"
#include <stdio.h>
#include <string.h>

size_t mark_write(char *out, size_t size, Mark mark) {
  int n = snprintf(out, size, "ts=%016llu,%05u,%08u;", (unsigned long long)mark.due_us, mark.publisher, mark.number);
  return (size_t)n;
}

static bool digits(const uint8_t *at, int count, uint64_t *value) {
  uint64_t v = 0;
  for (int i = 0; i < count; i++) {
    unsigned d = at[i] - '0';
    if (d > 9) return false;
    v = v * 10 + d;
  }
  *value = v;
  return true;
}

// Returns where to look on, NULL when there is no further mark.
const uint8_t *mark_find(const uint8_t *at, const uint8_t *end, Mark *found) {
  while ((at = memmem(at, (size_t)(end - at), "ts=", 3))) {
    uint64_t due, publisher, number;
    if (end - at < MARK_BYTES) return NULL;
    if (digits(at + 3, 16, &due) && at[19] == ',' && digits(at + 20, 5, &publisher) && at[25] == ',' && digits(at + 26, 8, &number)) {
      *found = (Mark){due, (uint32_t)publisher, (uint32_t)number};
      return at + MARK_BYTES;
    }
    at += 3;
  }
  return NULL;
}
