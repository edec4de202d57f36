// What a client sends to each kind of server, and how it knows that it is a member of its room.
#include "load.h"
#include <stdio.h>
#include <string.h>

const Dialect *dialect;

static bool has(const uint8_t *text, size_t bytes, const char *word) { return memmem(text, bytes, word, strlen(word)) != NULL; }
static void note_error(const uint8_t *text, size_t bytes) {
  if (tally.errors++ == 0) snprintf(tally.first_error, sizeof tally.first_error, "%.*s", (int)bytes, (const char *)text);
}

// --- chat: this service. A member is who was told `joined`; a global message wants the one without a room. ----------
static void chat_path(char *out, size_t size, const char *room) {
  snprintf(out, size, room[0] ? "/api/chat-api/ws/%s" : "/api/chat-api/ws%s", room);
}
static size_t chat_publish(char *out, size_t size, const char *payload, bool global) {
  return (size_t)snprintf(out, size, "{\"type\":\"chat\",%s\"data\":{\"content\":\"%s\"}}", global ? "\"room\":null," : "", payload);
}
static bool chat_heard(Connection *c, const uint8_t *text, size_t bytes) {
  if (has(text, bytes, "\"type\":\"error\"")) return note_error(text, bytes), true;
  if (!has(text, bytes, "\"type\":\"system\"")) return false;
  if (has(text, bytes, "\"event\":\"joined\"")) c->ready |= has(text, bytes, "\"room\":") ? READY_ROOM : READY_GLOBAL;
  return true;
}

// --- ws: text in, the same text out to the room. Open is joined. ----------------------------------------------------
static void ws_path(char *out, size_t size, const char *room) { snprintf(out, size, "/%s", room); }
static size_t ws_publish(char *out, size_t size, const char *payload, bool global) {
  (void)global;
  return (size_t)snprintf(out, size, "%s", payload);
}
static bool ws_heard(Connection *c, const uint8_t *text, size_t bytes) {
  (void)c, (void)text, (void)bytes;
  return false;
}

// --- socket.io: engine.io 4 inside text frames. `0` open, `40` connect, `2` ping, `3` pong, `42` event. -------------
static void io_path(char *out, size_t size, const char *room) {
  snprintf(out, size, "/socket.io/?EIO=4&transport=websocket&room=%s", room);
}
static size_t io_publish(char *out, size_t size, const char *payload, bool global) {
  (void)global;
  return (size_t)snprintf(out, size, "42[\"chat\",\"%s\"]", payload);
}
static bool io_heard(Connection *c, const uint8_t *text, size_t bytes) {
  if (bytes && text[0] == '0') return say(c, 1, "40", 2), true;
  if (bytes == 1 && text[0] == '2') return say(c, 1, "3", 1), true;
  if (bytes >= 2 && !memcmp(text, "40", 2)) return c->ready |= READY_ROOM, true;
  if (bytes >= 2 && !memcmp(text, "44", 2)) return note_error(text, bytes), true;
  return false;
}

static const Dialect known[] = {
    {"chat", READY_ROOM, READY_GLOBAL, chat_path, chat_publish, chat_heard},
    {"ws", 0, 0, ws_path, ws_publish, ws_heard},
    {"socket.io", READY_ROOM, READY_ROOM, io_path, io_publish, io_heard},
};

bool dialect_choose(const char *name) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(known[i].name, name)) dialect = known + i;
  return dialect != NULL;
}
