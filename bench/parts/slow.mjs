// A reader that stops reading is cut and its memory is freed; a reader that keeps up is never cut, however
// much comes at once.
import { connect } from 'node:net';
import { setTimeout as after } from 'node:timers/promises';
import WebSocket from 'ws';
import { figure, machine, note, verdict } from '../support/report.mjs';
import { pod, until } from '../support/server.mjs';

const BURST = 5000;
const failures = [];
const expect = (holds, text) => {
  if (!holds) failures.push(text);
};

machine();
const server = await pod();
const path = (room) => `/api/chat-api/ws/${room}`;

/** Connections whose `offline` the room got. */
const offline = new Set();

/** A member that reads. `chats` counts its messages; resolves when `joined` has come. */
const member = async (room) => {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path(room)}`, {
    perMessageDeflate: false,
  });
  const self = { socket, chats: 0, closed: undefined };
  socket.on('close', (code) => (self.closed = code));
  socket.on('error', () => undefined);
  await new Promise((resolve) => {
    socket.on('message', (data) => {
      const text = data.toString();
      if (text.includes('"type":"chat"')) self.chats += 1;
      else if (text.includes('"status":"offline"'))
        offline.add(JSON.parse(text).data.connection_id);
      else if (text.includes('"event":"joined"') && text.includes(`"room":"${room}"`)) resolve();
    });
  });
  return self;
};

const chat = (size) => JSON.stringify({ type: 'chat', data: { content: 'x'.repeat(size) } });

/**
 * A raw socket that joins and then does not read until `read` is called, which resolves with the close code,
 * if there is one. `givenUp` resolves when the room gets the `offline` of this member: the counter of closes
 * may wait for the end of the socket.
 */
const stalled = async (room) => {
  const socket = connect(server.port, '127.0.0.1');
  const ended = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.write(
    `GET ${path(room)} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2xvdyBiZW5jaCBrZXkuLg==\r\n\r\n',
  );
  const id = await new Promise((resolve, reject) => {
    let received = '';
    const listen = (data) => {
      received += data.toString('latin1');
      if (!/"event":"joined","room"/.test(received)) return;
      socket.off('data', listen);
      socket.pause();
      resolve(/"connection_id":"([^"]+)"/.exec(received)?.[1]);
    };
    socket.on('data', listen);
    socket.once('close', () =>
      reject(new Error(`a stalled reader could not join: ${received.slice(0, 300)}`)),
    );
  });
  return {
    socket,
    givenUp: () => (offline.has(id) ? true : undefined),
    read: async () => {
      let last = Buffer.alloc(0);
      let bytes = 0;
      socket.on('data', (data) => {
        bytes += data.length;
        last = Buffer.concat([last, data]).subarray(-200);
      });
      socket.resume();
      await Promise.race([ended, after(4000)]);
      const at = last.lastIndexOf(Buffer.from([0x88])); // the close frame is the last: 88, length, code
      return {
        bytes,
        code: at >= 0 && at + 4 <= last.length ? last.readUInt16BE(at + 2) : undefined,
      };
    },
  };
};

const inUse = async () => {
  const { heapUsed, external } = await server.memory();
  return heapUsed + external;
};
const closes = async (code) => (await server.metrics())[`realtime_closes{code="${code}"}`] ?? 0;
const connections = async () => (await server.metrics()).realtime_connections_total;

/** `count` messages of `size` bytes from one member, `pause` ms between; stops when `enough` says so. */
const talk = async (from, size, count, pause, enough = () => false) => {
  const text = chat(size);
  for (let i = 0; i < count && !enough(); i++) {
    from.socket.send(text);
    if (pause > 0) await after(pause);
  }
};

// 1. two readers stall in a busy room; 20 others keep reading
const SIZE = 16_000;
const busy = await Promise.all(Array.from({ length: 20 }, () => member('busy')));
const all = () => Math.min(...busy.map(({ chats }) => chats));
const round = async () => {
  const start = all();
  const closed = await closes(1013);
  const joined = await connections();
  const sleeper = await stalled('busy'); // never reads again
  const waker = await stalled('busy'); // reads on as soon as the pod has closed it
  const began = Date.now();
  let cut;
  let sent = 0;
  const talking = (async () => {
    for (; cut === undefined && Date.now() - began < 60_000; sent++)
      await talk(busy[0], SIZE, 1, 2);
  })();
  await until('the reader that will read on is given up', 60, waker.givenUp).catch(() => undefined);
  const seen = await waker.read();
  await until('the other is given up too', 10, sleeper.givenUp).catch(() => undefined);
  cut = Date.now() - began;
  await talking;
  await until('the busy room has all', 10, () => (all() >= start + sent ? true : undefined)).catch(
    () => undefined,
  );
  await until('the sleeper is gone', 10, async () =>
    (await connections()) === joined ? true : undefined,
  ).catch(() => undefined);
  const goneAfter = Date.now() - began - cut;
  sleeper.socket.destroy();
  waker.socket.destroy();
  return {
    cut,
    seen,
    sent,
    got: all() - start,
    goneAfter,
    counted: (await closes(1013)) - closed,
    left: (await connections()) - joined,
  };
};

note('a first round, so that the log is full and the code is warm');
await talk(busy[0], SIZE, 1200, 1);
await round();
await after(2000);
const before = await inUse();
note('the round that counts');
const result = await round();
await after(2000);
const later = await inUse();
const change = (later - before) / before;

console.log(`stalled readers: 2 in a room of 22, messages of ${figure(SIZE)} bytes`);
console.log(
  `  both given up after ${figure(result.cut)} ms and ${result.sent} messages (closes with 1013 counted: ${result.counted}); what the kernel took before that waits for nobody`,
);
console.log(
  `  the one that read on found ${figure(result.seen.bytes)} bytes, then close code ${result.seen.code}; the other was cut, and gone ${figure(result.goneAfter)} ms later`,
);
console.log(
  `  each of the 20 others got ${result.got} of ${result.sent}, ${busy.filter(({ closed }) => closed !== undefined).length} were closed`,
);
console.log(
  `  heap + external, collected: before ${figure(before / 2 ** 20, 2)} MB, 2 s after ${figure(later / 2 ** 20, 2)} MB (${figure(change * 100, 1)} %)`,
);
expect(result.counted === 2, `closed with 1013: ${result.counted}, expected 2`);
expect(result.seen.code === 1013, `the reader that read on saw ${result.seen.code}, expected 1013`);
expect(result.left === 0, `${result.left} connections more than before`);
expect(result.got === result.sent, `the others got ${result.got} of ${result.sent}`);
expect(
  busy.every(({ closed }) => closed === undefined),
  'a member that kept reading was closed',
);
expect(change <= 0.05, `memory is ${figure(change * 100, 1)} % above what it was, 5 % is allowed`);
for (const { socket } of busy) socket.terminate();

// 2. bursts to one reader that keeps up
for (const [publishers, size] of [
  [1, 128],
  [10, 128],
  [10, 2000],
]) {
  const room = `burst-${publishers}-${size}`;
  const reader = await member(room);
  const sources = await Promise.all(Array.from({ length: publishers }, () => member(room)));
  const began = Date.now();
  await Promise.all(sources.map((each) => talk(each, size, BURST / publishers, 0)));
  await until('the burst', 30, () =>
    reader.chats >= BURST || reader.closed !== undefined ? true : undefined,
  ).catch(() => undefined);
  const took = Date.now() - began;
  await after(300); // a repeat would come now
  console.log(
    `burst of ${figure(BURST)} × ${figure(size)} bytes from ${publishers}: the reader got ${figure(reader.chats)} in ${figure(took)} ms, ${reader.closed === undefined ? 'still open' : `closed with ${reader.closed}`}`,
  );
  expect(
    reader.chats === BURST && reader.closed === undefined,
    `burst from ${publishers} of ${size} bytes: ${reader.chats} of ${BURST}, close ${reader.closed}`,
  );
  expect(
    sources.every(({ closed }) => closed === undefined),
    `burst from ${publishers}: a publisher, a member too, was closed`,
  );
  for (const { socket } of [reader, ...sources]) socket.terminate();
}
await server.stop();

console.log(`
Not shown: a stalled reader behind a proxy that reads for it, a slow reader that still reads a little, TLS, Redis.`);
verdict(failures);
