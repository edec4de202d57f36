// One WebSocket client: dial, upgrade, frames in (several in one segment, or one over several), frames out,
// four ways to end. Not checked, because no server under test sends it: fragmented or compressed messages,
// Sec-WebSocket-Accept.
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

Events on;
Tally tally;
static int poll_fd, timer_fd;
static uint8_t buffer[1 << 19];

void connections_start(void) {
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, timer_fd, &e);
}

static void watch(Connection *c, bool writing) {
  struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

// Every connection ends here, once.
static void ended(Connection *c) {
  Phase was = c->phase;
  if (was == IDLE) return;
  if (was == CONNECTING || was == UPGRADING) tally.handshakes--;
  close(c->fd);
  free(c->half), free(c->out);
  c->half = c->out = NULL;
  c->half_bytes = c->out_bytes = c->out_capacity = 0;
  c->phase = IDLE;
  if (on.gone) on.gone(c, was);
}

static void lost(Connection *c) { // the peer or the network has gone
  if (c->phase == CONNECTING || c->phase == UPGRADING) tally.failed++;
  else if (!c->close_code) tally.closes[1006]++;
  ended(c);
}

static void put(Connection *c, const void *bytes, size_t n) {
  if (!c->out_bytes) {
    ssize_t taken = send(c->fd, bytes, n, MSG_NOSIGNAL);
    if (taken < 0 && errno != EAGAIN) return; // the next read reports it
    if (taken > 0) bytes = (const uint8_t *)bytes + taken, n -= (size_t)taken;
    if (!n) return;
  }
  if (c->out_bytes + n > c->out_capacity) {
    c->out_capacity = (uint32_t)(c->out_bytes + n) * 2;
    c->out = realloc(c->out, c->out_capacity);
  }
  memcpy(c->out + c->out_bytes, bytes, n);
  c->out_bytes += (uint32_t)n;
  watch(c, true);
}

// A client must mask. A key of four zeros is valid and leaves the text unchanged.
void say(Connection *c, int opcode, const void *payload, size_t n) {
  static uint8_t frame[1 << 18];
  size_t head = 2;
  if (c->phase < OPEN || n > sizeof frame - 14) return;
  frame[0] = (uint8_t)(0x80 | opcode);
  if (n < 126) frame[1] = (uint8_t)(0x80 | n);
  else if (n < 65536) frame[1] = 0x80 | 126, frame[2] = (uint8_t)(n >> 8), frame[3] = (uint8_t)n, head = 4;
  else {
    frame[1] = 0x80 | 127, head = 10;
    for (int i = 0; i < 8; i++) frame[2 + i] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
  }
  memset(frame + head, 0, 4);
  memcpy(frame + head + 4, payload, n);
  put(c, frame, head + 4 + n);
}

void dial(Connection *c, int port, uint32_t source) {
  int one = 1;
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001 + source)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(0x7f000001)};
  c->ready = 0, c->close_code = 0, c->phase = CONNECTING;
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) {
    perror("socket");
    exit(1);
  }
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  // The port is chosen at connect, where only the whole four-tuple must be free: 28,000 a source and server, not in all.
  setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  bind(c->fd, (void *)&from, sizeof from);
  // Before the handshake, as both are offered there. By segments of 64 KiB, as loopback has them, the server's kernel would
  // take 4 MB for each; by those of an Ethernet it takes some 100 kB.
  if (opt.window) {
    int segment = 1460;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &opt.window, sizeof opt.window);
    setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  }
  tally.handshakes++;
  struct epoll_event e = {.events = EPOLLOUT, .data.ptr = c};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e);
  if (connect(c->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) lost(c);
}

static void connected(Connection *c) {
  char path[200], request[600];
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    lost(c);
    return;
  }
  dialect->path(path, sizeof path, c->room);
  int n = snprintf(request, sizeof request,
                   "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: YmVuY2ggbG9hZCBjbGllbg==\r\n\r\n", path);
  c->phase = UPGRADING;
  watch(c, false);
  put(c, request, (size_t)n);
}

static void now_ready(Connection *c, uint8_t before) {
  uint8_t need = c->room[0] ? dialect->ready_with_room : dialect->ready_without;
  bool was = need && (before & need) == need, is = (c->ready & need) == need;
  if (is && !was && on.ready) on.ready(c);
}

static void framed(Connection *c, int opcode, const uint8_t *payload, size_t n, uint64_t now) {
  tally.frames++;
  if (opcode == 9) say(c, 10, payload, n);
  else if (opcode == 8) {
    c->close_code = n >= 2 ? (uint16_t)(payload[0] << 8 | payload[1]) : 1005;
    tally.closes[c->close_code < 5000 ? c->close_code : 0]++;
    if (c->phase == OPEN) say(c, 8, payload, n < 2 ? 0 : 2);
  } else if (opcode <= 2) {
    Mark mark;
    const uint8_t *at = payload, *end = payload + n;
    bool any = false;
    while ((at = mark_find(at, end, &mark))) {
      any = true;
      if (on.marked) on.marked(c, mark, now);
    }
    if (any) return;
    uint8_t before = c->ready;
    dialect->heard(c, payload, n);
    if (c->ready != before) now_ready(c, before);
  }
}

// Takes whole frames from the front of `buffer`; returns how far it came.
static size_t frames(Connection *c, size_t at, size_t n, uint64_t now) {
  while (n - at >= 2) {
    size_t head = 2;
    uint64_t size = buffer[at + 1] & 127;
    if (size == 126) {
      if (n - at < 4) break;
      size = (uint64_t)buffer[at + 2] << 8 | buffer[at + 3], head = 4;
    } else if (size == 127) {
      if (n - at < 10) break;
      size = 0, head = 10;
      for (int i = 0; i < 8; i++) size = size << 8 | buffer[at + 2 + i];
    }
    if (size > n - at - head || n - at < head) break;
    framed(c, buffer[at] & 15, buffer + at + head, size, now);
    if (c->phase == IDLE) return n;
    at += head + size;
  }
  return at;
}

static size_t upgraded(Connection *c, size_t n) { // 0: not all there yet
  const uint8_t *end = memmem(buffer, n, "\r\n\r\n", 4);
  if (!end) return 0;
  if (n < 12 || memcmp(buffer, "HTTP/1.1 101", 12)) {
    if (tally.refused++ == 0) fprintf(stderr, "refused: %.*s\n", (int)(end - buffer), (const char *)buffer);
    ended(c);
    return n;
  }
  tally.handshakes--;
  c->phase = OPEN;
  if (on.opened) on.opened(c);
  if (c->phase == OPEN) now_ready(c, 0);
  return (size_t)(end + 4 - buffer);
}

static void readable(Connection *c) {
  size_t kept = c->half_bytes;
  if (kept) memcpy(buffer, c->half, kept);
  ssize_t got = recv(c->fd, buffer + kept, sizeof buffer - kept, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) lost(c);
    return;
  }
  size_t n = kept + (size_t)got, at = 0;
  uint64_t now = now_us();
  tally.bytes += (uint64_t)got;
  if (c->phase == UPGRADING) at = upgraded(c, n);
  if (c->phase >= OPEN) at = frames(c, at, n, now);
  if (c->phase == IDLE) return;
  size_t rest = n - at;
  if (rest == sizeof buffer) {
    fprintf(stderr, "a frame larger than %zu bytes\n", sizeof buffer);
    exit(1);
  }
  if (rest != kept || rest) {
    free(c->half);
    c->half = rest ? malloc(rest) : NULL;
    if (rest) memcpy(c->half, buffer + at, rest);
    c->half_bytes = (uint32_t)rest;
  }
}

static void writable(Connection *c) {
  ssize_t taken = send(c->fd, c->out, c->out_bytes, MSG_NOSIGNAL);
  if (taken > 0) {
    c->out_bytes -= (uint32_t)taken;
    memmove(c->out, c->out + taken, c->out_bytes);
  }
  if (!c->out_bytes) {
    free(c->out);
    c->out = NULL, c->out_capacity = 0;
    watch(c, false);
  }
}

void leave(Connection *c) {
  if (c->phase != OPEN) return;
  say(c, 8, "\x03\xe8", 2);
  c->phase = LEAVING;
}

void vanish(Connection *c) {
  struct linger reset = {1, 0};
  if (c->phase == IDLE) return;
  setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  ended(c);
}

void stall(Connection *c) {
  struct epoll_event e = {.events = 0, .data.ptr = c};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

void drop(Connection *c) {
  if (c->phase != IDLE) ended(c);
}

// Handles what has come, and waits for more no longer than until `until_us` (microseconds: epoll's own clock is coarser).
void turn(uint64_t until_us) {
  struct epoll_event events[512];
  uint64_t now = now_us();
  int wait = 0;
  if (until_us > now) {
    uint64_t us = until_us - now;
    struct itimerspec at = {.it_value = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000}};
    timerfd_settime(timer_fd, 0, &at, NULL);
    wait = -1;
  }
  int n = epoll_wait(poll_fd, events, 512, wait);
  for (int i = 0; i < n; i++) {
    Connection *c = events[i].data.ptr;
    if (!c) {
      uint64_t expired;
      if (read(timer_fd, &expired, sizeof expired) < 0) continue;
    } else if (c->phase == CONNECTING) connected(c);
    else {
      if (c->phase != IDLE && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) readable(c);
      if (c->phase > CONNECTING && events[i].events & EPOLLOUT && c->out_bytes) writable(c);
    }
  }
}

uint32_t closes_seen(void) {
  uint32_t sum = 0;
  for (int i = 0; i < 5000; i++) sum += tally.closes[i];
  return sum;
}

void print_closes(void) {
  const char *comma = "";
  printf("\"closes\":{");
  for (int i = 0; i < 5000; i++)
    if (tally.closes[i]) printf("%s\"%d\":%u", comma, i, tally.closes[i]), comma = ",";
  printf("}");
}
