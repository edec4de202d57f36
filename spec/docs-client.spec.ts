/**
 * The client to copy of docs/protocol.md: two pods, connections that are cut all the time, no message lost,
 * none twice.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { WebSocket } from 'ws';
import { blocksIn } from './support/docs.js';
import { BASE, startPod } from './support/pod.js';
import { startRedis, until } from './support/redis.js';
import { ROOT } from './support/root.js';

interface Room {
  readonly publish: (data: unknown) => void;
  readonly close: () => void;
}
type OpenRoom = (options: {
  readonly url: string;
  readonly room: string;
  readonly onMessage: (message: { readonly id: string; readonly data: unknown }) => void;
  readonly onGap: (gap: unknown) => void;
  readonly onClosed: (code: number) => void;
  readonly random: () => number;
}) => Room;

const CLIENTS = 3;
const CUTS = 30;
const HERE = 'here';

t.test(
  'when the connections of the client to copy are cut on two pods, then no message is lost or comes twice',
  async (t) => {
    const redis = await startRedis({});
    t.teardown(redis.stop);
    const broker = { redisUrl: `redis://127.0.0.1:${redis.port}` };
    const access = { authEnabled: false };
    const pods = [
      await startPod(t, { server: { serverId: 'p1' }, broker, access }),
      await startPod(t, { server: { serverId: 'p2' }, broker, access }),
    ];
    const open = new Set<WebSocket>();
    let opened = 0;
    // each connection goes to the other pod, as a load balancer may do it
    class Cuttable extends WebSocket {
      constructor(url: string) {
        super(url.replace('pod', `127.0.0.1:${pods[opened++ % pods.length]?.port ?? 0}`));
        open.add(this);
        this.on('close', () => open.delete(this)).on('error', () => undefined);
      }
    }
    t.intercept(globalThis, 'WebSocket', { value: Cuttable });

    const text = readFileSync(join(ROOT, 'docs/protocol.md'), 'utf8');
    const source = blocksIn(text, 'js').find((block) => block.includes('export const openRoom'));
    t.ok((source ?? '').split('\n').length <= 70, 'short enough to be copied');
    const file = join(t.testdir({}), 'client.mjs');
    writeFileSync(file, source ?? '');
    const { openRoom } = (await import(pathToFileURL(file).href)) as {
      readonly openRoom: OpenRoom;
    };

    const gaps: unknown[] = [];
    const received: string[][] = [];
    const here = new Set<number>();
    const rooms = Array.from({ length: CLIENTS }, (_, at) => {
      const ids: string[] = (received[at] = []);
      return openRoom({
        url: `ws://pod${BASE}/ws`,
        room: 'docs',
        onMessage: ({ data }) => (data === HERE ? here.add(at) : ids.push(String(data))),
        onGap: (gap) => gaps.push(gap),
        onClosed: (code) => t.fail(`closed with ${code}`),
        random: () => 0.05,
      });
    });
    // a client gets no message from before its join
    for (const room of rooms) room.publish(HERE);
    await until('all have joined', () => here.size === CLIENTS, 10_000);
    let sent = 0;
    for (let cut = 0; cut < CUTS; cut++) {
      for (const room of rooms) room.publish(sent++);
      await setTimeout(60);
      for (const room of rooms) room.publish(sent++);
      const sockets = [...open];
      sockets[cut % sockets.length]?.terminate();
    }
    const missing = (): readonly string[] =>
      received.map((ids) =>
        Array.from({ length: sent }, (_, at) => `${at}`)
          .filter((at) => !ids.includes(at))
          .join(),
      );
    await until('all have all', () => missing().every((list) => list === ''), 20_000).catch(() =>
      t.strictSame([missing(), gaps], [['', '', ''], []]),
    );
    await setTimeout(300);
    for (const ids of received) {
      t.equal(ids.length, sent, 'none twice');
      t.equal(new Set(ids).size, sent, 'none missing');
      t.strictSame(ids, received[0], 'one order');
    }
    t.strictSame(gaps, []);
    t.ok(opened >= CUTS / 2, `${opened} connections`);
    for (const room of rooms) room.close();
    await until('they have gone', () => open.size === 0);
  },
);
