// visitors: about `conns` clients that behave as people and networks do, with `rate` actions a second:
// connect (with a room or without), give up during the handshake, join, leave, chat, send invalid messages,
// close in order, close without a close frame, reset. Half of the rooms are the same few hundred, the others
// are used once. It speaks to this service only.
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMMON_ROOMS = 200 };
static struct { uint64_t came, gave_up, joins, leaves, chats, nonsense, goodbyes, hangups, cuts, heard; } deeds;
static Connection *connections;
static int open_now, new_rooms;
static uint64_t state;

static uint32_t below(uint32_t n) { // xorshift: the same seed gives the same actions
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return (uint32_t)((state >> 32) % n);
}
static void heard_open(Connection *c) {
  (void)c;
  open_now++, deeds.came++;
}
static void heard_gone(Connection *c, Phase was) {
  (void)c;
  if (was >= OPEN) open_now--;
}
static void heard_mark(Connection *c, Mark mark, uint64_t now) {
  (void)c, (void)mark, (void)now;
  deeds.heard++;
}

static int some_room(void) { return below(2) ? (int)below(COMMON_ROOMS) : COMMON_ROOMS + new_rooms++; }
static void name_room(char *out, size_t size, int room) {
  if (room < COMMON_ROOMS) snprintf(out, size, "hall-%d", room);
  else snprintf(out, size, "once-%d-%d", getpid(), room - COMMON_ROOMS);
}

static void say_text(Connection *c, const char *text) { say(c, 1, text, strlen(text)); }

static void say_about_room(Connection *c, const char *type, int room) {
  char name[64], text[200];
  name_room(name, sizeof name, room);
  snprintf(text, sizeof text, "{\"type\":\"%s\",\"room\":\"%s\"}", type, name);
  say_text(c, text);
}

static void chat(Connection *c) {
  static char text[4000];
  char mark[MARK_BYTES + 1], room[100] = "";
  int joined = c->joined[below(4)];
  if (joined) {
    char name[64];
    name_room(name, sizeof name, joined - 1);
    snprintf(room, sizeof room, "\"room\":\"%s\",", name);
  } else if (!c->room[0]) return; // in no room: it would be global
  mark_write(mark, sizeof mark, (Mark){now_us(), c->index, 1});
  snprintf(text, sizeof text, "{\"type\":\"chat\",%s\"data\":{\"content\":\"%s%0*d\"}}", room, mark, 1 + (int)below(2000), 0);
  say_text(c, text);
  deeds.chats++;
}

static void deed(Connection *c) {
  static const char *nonsense[] = {"{", "{\"type\":\"dance\"}", "{\"type\":\"chat\"}", "{\"type\":\"leave\",\"room\":\"never-joined\"}", "{\"type\":\"join\",\"room\":\"*\"}"};
  uint32_t dice = below(100);
  int slot = (int)below(4);
  if (c->phase == UPGRADING && dice < 5) deeds.gave_up++, vanish(c);
  if (c->phase != OPEN) return;
  if (dice < 3) deeds.goodbyes++, leave(c);
  else if (dice < 5) deeds.hangups++, drop(c);
  else if (dice < 7) deeds.cuts++, vanish(c);
  else if (dice < 22) {
    if (c->joined[slot]) return;
    int room = some_room();
    c->joined[slot] = room + 1, deeds.joins++;
    say_about_room(c, "join", room);
  } else if (dice < 34) {
    if (!c->joined[slot]) return;
    say_about_room(c, "leave", c->joined[slot] - 1);
    c->joined[slot] = 0, deeds.leaves++;
  } else if (dice < 36) deeds.nonsense++, say_text(c, nonsense[below(5)]);
  else if (dice < 40) say_text(c, "{\"type\":\"ping\",\"data\":1}");
  else chat(c);
}

static void come(Connection *c, uint64_t *dials) {
  memset(c->joined, 0, sizeof c->joined);
  c->room[0] = 0;
  if (below(10) < 7) name_room(c->room, sizeof c->room, some_room());
  dial(c, opt.port[below((uint32_t)opt.ports)], 1 + (uint32_t)((*dials)++ % 100));
  if (below(50) == 0) deeds.gave_up++, vanish(c);
}

int visitors(void) {
  uint64_t dials = 0, done = 0;
  connections = calloc((size_t)opt.conns, sizeof *connections);
  state = opt.seed ? opt.seed : 1;
  on = (Events){.opened = heard_open, .gone = heard_gone, .marked = heard_mark};
  uint64_t start = now_us(), end = start + (uint64_t)(opt.seconds * 1e6);
  for (uint64_t now; (now = now_us()) < end;) {
    for (int i = 0; i < opt.conns && tally.handshakes < opt.ramp; i++)
      if (connections[i].phase == IDLE) connections[i].index = (uint32_t)i, come(connections + i, &dials);
    uint64_t due = (uint64_t)((double)(now - start) / 1e6 * opt.rate);
    for (int burst = 0; done < due && burst < 100; done++, burst++) deed(connections + below((uint32_t)opt.conns));
    turn(now + 5000);
  }
  for (int i = 0; i < opt.conns; i++) { // all end, each in its own way
    Connection *c = connections + i;
    uint32_t way = below(3);
    if (c->phase != OPEN || way == 0) vanish(c);
    else if (way == 1) drop(c);
    else leave(c);
  }
  for (uint64_t wait = now_us() + 3000000; now_us() < wait && open_now > 0;) turn(now_us() + 50000);
  int stayed = open_now;
  printf("{\"seed\":%llu,\"dialled\":%llu,\"came\":%llu,\"gave_up\":%llu,\"joins\":%llu,\"leaves\":%llu,\"chats\":%llu,\"nonsense\":%llu,", (unsigned long long)opt.seed, (unsigned long long)dials,
         (unsigned long long)deeds.came, (unsigned long long)deeds.gave_up, (unsigned long long)deeds.joins, (unsigned long long)deeds.leaves, (unsigned long long)deeds.chats, (unsigned long long)deeds.nonsense);
  printf("\"goodbyes\":%llu,\"hangups\":%llu,\"cuts\":%llu,\"rooms_used_once\":%d,\"messages_heard\":%llu,\"errors_heard\":%llu,\"refused\":%llu,\"failed\":%llu,\"goodbyes_unanswered\":%d,",
         (unsigned long long)deeds.goodbyes, (unsigned long long)deeds.hangups, (unsigned long long)deeds.cuts, new_rooms, (unsigned long long)deeds.heard, (unsigned long long)tally.errors,
         (unsigned long long)tally.refused, (unsigned long long)tally.failed, stayed);
  print_closes();
  printf("}\n");
  on = (Events){0};
  for (int i = 0; i < opt.conns; i++) vanish(connections + i);
  return 0;
}
