/** The client as applications get it: one file, its properties shortened, with rxjs inside or from the application. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { from, lastValueFrom, take, toArray } from 'rxjs';
import t from 'tap';
import { scriptedServer, virtualClock } from '../../lib/testing/index.js';
import type * as client from '../../lib/client/index.js';
import { build } from '../support/pod.js';
import { ROOT } from '../support/root.js';

const DIST = join(ROOT, 'dist/client');

for (const [file, limit] of [
  ['client.js', 14_000],
  ['client-without-rxjs.js', 6_000],
] as const)
  t.test(
    `when ${file} is used, then it does what the source does, and is small enough`,
    async (t) => {
      await build();
      const text = readFileSync(join(DIST, file));
      t.ok(gzipSync(text, { level: 9 }).length <= limit);
      // Node prints the whole line of an uncaught error
      t.ok(
        text
          .toString()
          .split('\n')
          .every((line) => line.length <= 500),
      );
      t.notMatch(text.toString(), /from"node:|require\(/);
      const { connect, ChatError } = (await import(
        pathToFileURL(join(DIST, file)).href
      )) as typeof client;
      const clock = virtualClock();
      const server = scriptedServer({ clock });
      const statuses: unknown[] = [];
      const chat = connect({
        url: 'ws://server/api/chat-api/ws',
        WebSocket: server.WebSocket,
        clock,
        token: () => Promise.resolve('token'),
        fetch: async (url, { headers }) => ({
          status: 200,
          json: async () => ({ messages: [{ id: 'x', data: [url, headers] }], next: null }),
        }),
      });
      chat.status$.subscribe((status) => statuses.push(status));
      const room = chat.room('r');
      const [seen, gaps, positions]: [unknown[], unknown[], string[]] = [[], [], []];
      // an Observable of another rxjs
      const all = lastValueFrom(from(room).pipe(take(3), toArray()));
      room.message$.subscribe(({ data }) => seen.push(data));
      room.gap$.subscribe((gap) => gaps.push(gap));
      room.position$.subscribe((id) => positions.push(id));
      const turns = async (): Promise<void> => {
        for (let i = 0; i < 20; i++) {
          await Promise.resolve();
          clock.advance(i * 10);
        }
      };
      await turns();
      const acked = room.publish(1);
      await turns();
      t.match(await acked, { duplicate: false, id: String });
      server.cut();
      await turns();
      server.publish('r', 2);
      server.drain(500);
      await turns();
      await turns();
      server.publish('r', 3);
      await turns();
      t.same(
        [seen, (await all).map(({ data }) => data)],
        [
          [1, 2, 3],
          [1, 2, 3],
        ],
      );
      t.equal(positions.at(-1)?.length, 36);
      server.cut();
      clock.advance(2);
      server.lose('r');
      await turns();
      t.match(gaps, [{ _tag: 'Gap', reason: 'log_lost', id: String }]);
      t.same((await room.history({ limit: 3 })).messages[0]?.data, [
        'http://server/api/chat-api/rooms/r/messages?limit=3',
        { Authorization: 'Bearer token' },
      ]);
      t.match(statuses.at(-1), {
        _tag: 'Live',
        connectionId: String,
        userId: null,
        serverId: 'scripted',
        degraded: false,
      });
      chat.close();
      const because = 'closed by close()';
      t.same(statuses.at(-1), { _tag: 'Closed', code: 1000, because });
      await room.publish(4).catch((error: unknown) => t.ok(error instanceof ChatError));
    },
  );
