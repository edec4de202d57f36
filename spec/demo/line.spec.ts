/** A line that is broken on purpose, under the real client. */
import { Subject } from 'rxjs';
import t from 'tap';
import { line } from '../../demo/line.js';
import { connect, type PageEvent } from '../../lib/client/index.js';
import { scriptedServer, virtualClock } from '../../lib/testing/index.js';

const world = () => {
  const clock = virtualClock();
  const server = scriptedServer({ clock });
  const page$ = new Subject<PageEvent>();
  const cable = line(
    (url, protocols) =>
      new server.WebSocket(url, protocols) as ReturnType<Parameters<typeof line>[0]>,
    (work) => void clock.scheduler.schedule(work),
    () => page$.next('online'),
  );
  const chat = connect({ url: 'ws://h/ws', WebSocket: cable.WebSocket, clock, page$ });
  const seen: unknown[] = [];
  const statuses: string[] = [];
  chat.status$.subscribe(({ _tag }) => statuses.push(_tag));
  chat.room('general').message$.subscribe(({ data }) => seen.push(data));
  clock.advance(100);
  return { clock, server, cable, seen, statuses };
};

t.test('when the line is broken, then nothing arrives, and no connection is opened', async (t) => {
  const { clock, server, cable, seen, statuses } = world();
  server.publish('general', 'before');
  clock.advance(10);
  cable.break();
  t.ok(cable.isBroken());
  t.equal(statuses.at(-1), 'Waiting', 'at once');
  server.publish('general', 'missed');
  clock.advance(20_000);
  t.same(seen, ['before']);
  t.notOk(statuses.slice(statuses.indexOf('Waiting')).includes('Live'));
});

t.test(
  'when the line is mended, then the client comes back at once and has missed nothing',
  async (t) => {
    const { clock, server, cable, seen, statuses } = world();
    cable.break();
    server.publish('general', 'missed');
    clock.advance(60_000);
    t.match(statuses.at(-1), 'Waiting', 'the next try is far');
    cable.mend();
    clock.advance(100);
    t.equal(statuses.at(-1), 'Live');
    server.publish('general', 'after');
    clock.advance(10);
    t.same(seen, ['missed', 'after']);
  },
);
