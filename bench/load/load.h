// load: one thread on epoll that plays many WebSocket clients, so that the service and its peers are measured
// by the same client. Nothing here depends on the inside of a server: it counts what comes out of sockets.
#ifndef LOAD_H
#define LOAD_H
#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// --- clock, histogram (histogram.c) ---------------------------------------------------------------------------------
// 32 steps an octave: a value is off by 3 % at most, whatever its size.
enum { OCTAVES = 40, STEPS = 32 };
typedef struct { uint64_t count[OCTAVES * STEPS]; } Histogram;
uint64_t now_us(void);
void histogram_add(Histogram *h, uint64_t us);
void histogram_merge(Histogram *into, const Histogram *from);
double histogram_ms(const Histogram *h, double quantile);

// --- what a process has used (process.c) ----------------------------------------------------------------------------
typedef struct { int pid[64], count; } Pids;
double cpu_seconds(const Pids *pids);
double own_cpu_seconds(void);
double rss_kb(const Pids *pids);

// --- the mark inside a payload (mark.c) -----------------------------------------------------------------------------
// ts=<16 digits: the microsecond the message was due>,<5 digits: publisher>,<8 digits: its number, from 1>;
enum { MARK_BYTES = 35 };
typedef struct { uint64_t due_us; uint32_t publisher, number; } Mark;
size_t mark_write(char *out, size_t size, Mark mark);
const uint8_t *mark_find(const uint8_t *at, const uint8_t *end, Mark *found);

// --- connections (connection.c) -------------------------------------------------------------------------------------
typedef enum { IDLE, CONNECTING, UPGRADING, OPEN, LEAVING } Phase;
enum { READY_ROOM = 1, READY_GLOBAL = 2 };
typedef struct Connection {
  int fd;
  uint32_t index;
  uint8_t phase, ready;
  uint16_t close_code;
  uint32_t half_bytes, out_bytes, out_capacity;
  uint8_t *half; // a frame of which only the beginning has come
  uint8_t *out;  // what the kernel would not take yet
  char room[40]; // empty: no room in the URL
  uint32_t *last; // fan-out: the last number seen of each publisher of the room
  int joined[4];  // visitors: rooms joined by message
} Connection;

// The events of a mode. Any may be NULL.
typedef struct {
  void (*opened)(Connection *c);
  void (*ready)(Connection *c);
  void (*marked)(Connection *c, Mark mark, uint64_t now);
  void (*gone)(Connection *c, Phase was);
} Events;
extern Events on;

typedef struct { uint64_t refused, failed, errors, frames, bytes; uint32_t closes[5000]; int handshakes; char first_error[400]; } Tally;
extern Tally tally;

void connections_start(void);
void dial(Connection *c, int port, uint32_t source);
void say(Connection *c, int opcode, const void *payload, size_t bytes);
void leave(Connection *c);  // close frame, then wait for the peer
void vanish(Connection *c); // reset: no close frame, nothing left behind in the kernel
void drop(Connection *c);   // FIN without a close frame
void stall(Connection *c);  // reads no more
void turn(uint64_t until_us);
void print_closes(void);
uint32_t closes_seen(void);

// --- languages (dialect.c) ------------------------------------------------------------------------------------------
typedef struct {
  const char *name;
  uint8_t ready_with_room, ready_without; // what must have come before a connection counts as a member
  void (*path)(char *out, size_t size, const char *room);
  size_t (*publish)(char *out, size_t size, const char *payload, bool global);
  bool (*heard)(Connection *c, const uint8_t *text, size_t bytes); // true: it was the protocol's own, not a message
} Dialect;
extern const Dialect *dialect;
bool dialect_choose(const char *name);

// --- options, modes -------------------------------------------------------------------------------------------------
typedef struct {
  int port[16], ports, conns, rooms, publishers, size, processes, ramp, window;
  double rate, warmup, seconds, settle, patience;
  uint64_t seed;
  Pids pids;
} Options;
extern Options opt;
int port_of(int index);
void room_of(Connection *c, int index);
int fanout(void);
int hold(void);
int churn(void);
int visitors(void);
int stalled(void);
#endif
