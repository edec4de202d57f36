"""A client in Python, made from docs/protocol.md; the numbers in comments are its sections. It reconnects and
resumes, shows each message once, reports gaps, and sends a message again until the server has answered it.

    apt install python3-websockets      # or: pip install websockets; Python 3.11 or later
    python3 chat.py ws://127.0.0.1:8000/api/chat-api/ws general     # publishes each line that is typed
"""
import asyncio, collections, contextlib, json, random, sys, threading, time, uuid, websockets
# Statuses of handshakes (1.2) and close codes (7) after which the client ends. It ends from code 4500 on, too.
FINAL = {400, 401, 403, 404, 405, 426, 1000, 1002, 1003, 1007, 1008, 1009}
LATER = {"rate_limited", "unavailable", "failed"}  # 5, 6: the same may succeed later

class Chat:
    def __init__(self, url, rooms, on_message, on_gap, token=None, quiet_s=25):
        self.url, self.token, self.quiet_s = url, token, quiet_s  # token: an async function, or None
        self.on_message, self.on_gap = on_message, on_gap
        self.last = {room: "" for room in ["", *rooms]}  # the last id of each log; "" is the global log (3.3)
        self.seen = collections.OrderedDict()  # the ids of the messages that were shown
        self.pending = {}  # what the server has not answered, in order: id -> (message, Future)
        self.joined, self.sent, self.order = set(), set(), asyncio.Lock()

    async def publish(self, room, data):  # returns the data of the `ack`, or of the `error`
        message = {"type": "chat", "room": room, "id": str(uuid.uuid4()), "data": data}
        _, answer = self.pending[message["id"]] = message, asyncio.get_running_loop().create_future()
        await self.flush()
        return await answer

    async def flush(self, after_s=0):
        await asyncio.sleep(after_s)
        async with self.order:  # two flushes at once would change the order
            for id, (message, _) in list(self.pending.items()):
                if message["room"] in self.joined and id not in self.sent:
                    self.sent.add(id)
                    with contextlib.suppress(websockets.ConnectionClosed):  # then the next connection sends it
                        await self.socket.send(json.dumps(message))

    async def run(self):  # reconnects for ever; raises only what the same client would get again
        failures = 0
        while True:
            self.joined_at = float("inf")
            try:
                await self.connection()
            except (OSError, websockets.InvalidHandshake, websockets.ConnectionClosed) as error:
                closed, answer = getattr(error, "rcvd", None), getattr(error, "response", error)
                code = closed.code if closed else getattr(answer, "status_code", 1006)
                if code in FINAL or code >= 4500:
                    raise
                wait_s = 0 if code == 1001 else getattr(answer, "headers", {}).get("Retry-After")
            failures = 0 if time.monotonic() - self.joined_at > 10 else failures + 1
            jitter_s = random.uniform(0, min(30, 0.5 * 2**failures))  # 11
            await asyncio.sleep(jitter_s if wait_s is None else float(wait_s))

    async def connection(self):
        protocols = self.token and ["realtime.v1", "bearer." + await self.token()]  # 2.1
        options = {"subprotocols": protocols, "ping_interval": None, "close_timeout": 1}
        async with websockets.connect(f"{self.url}?last_id={self.last['']}", **options) as self.socket:
            self.joined, self.sent = set(), set()
            for room in filter(None, self.last):  # 13
                join = {"type": "join", "room": room, "id": "join", "data": {"last_id": self.last[room]}}
                await self.socket.send(json.dumps(join))
            while True:
                frame = asyncio.ensure_future(self.socket.recv())
                if not (await asyncio.wait([frame], timeout=self.quiet_s))[0]:
                    await self.socket.send('{"type":"ping"}')  # 8: nothing came for 25 s
                self.receive(**json.loads(await asyncio.wait_for(frame, self.quiet_s * 0.4)))

    def receive(self, type, id, room="", data=None, **other):
        control = data if type in ("system", "error") else {}
        event, ref, why = control.get("event"), control.get("ref"), control.get("code", control.get("reason"))
        if event != "left" and room in self.last:
            self.last[room] = id  # 3.3: of any message
        if type in ("chat", "notification") and id not in self.seen:
            self.seen[id] = len(self.seen) < 10_000 or self.seen.popitem(last=False)
            self.on_message({"type": type, "id": id, "room": room, "data": data, **other})
        elif event == "gap":
            self.on_gap({"room": room, "gap": why})
        elif event == "joined":
            self.joined.add(room)
            self.joined_at = min(self.joined_at, time.monotonic())
            asyncio.ensure_future(self.flush())
        elif ref in self.pending and why in LATER:
            self.sent.discard(ref)
            asyncio.ensure_future(self.flush(data.get("retry_in_ms", 1000) / 1000))
        elif ref in self.pending:
            self.pending.pop(ref)[1].set_result(data)
        elif event == "left" or ref == "join":  # in LATER, the next connection joins again; else the client ends
            raise ConnectionError(data) if why in LATER else RuntimeError(data)

async def main(url, room, quiet_s=25):
    show = lambda what: print(json.dumps(what), flush=True)
    chat, loop = Chat(url, [room], show, show, quiet_s=float(quiet_s)), asyncio.get_running_loop()
    def read():
        for line in sys.stdin:
            answer = asyncio.run_coroutine_threadsafe(chat.publish(room, line.rstrip("\n")), loop)
            answer.add_done_callback(lambda done: show(done.result()))
    threading.Thread(target=read, daemon=True).start()
    await chat.run()

if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
