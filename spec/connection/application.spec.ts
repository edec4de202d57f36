/** A connection as an application's hooks see and use it. */
import { NEVER, throwError } from 'rxjs';
import t from 'tap';
import { type ConnectionInfo } from '../../lib/hooks.js';
import { isGone, member, world } from '../support/connection-world.js';

t.test(
  'when onConnect and onDisconnect are called, then after welcome, and with the code that the server sent',
  async (t) => {
    const log: unknown[] = [];
    const w = world({
      onConnect: (connection) => {
        log.push([
          'connect',
          connection.id,
          connection.userId,
          connection.address,
          connection.rooms(),
        ]);
        connection.notify({ hello: 1 });
        if (connection.userId === 'eve') connection.close(4_500, 'not you');
      },
      onDisconnect: (connection, code) => {
        log.push(['disconnect', connection.id, code, connection.rooms()]);
      },
    });
    const a = w.connect({ room: 'r', userId: 'alice' });
    w.clock.advance(10);
    t.same(
      a
        .received()
        .slice(0, 2)
        .map(({ type }) => type),
      ['system', 'notification'],
    );
    a.go();
    const eve = w.connect({ userId: 'eve' });
    w.clock.advance(10);
    t.equal(eve.code(), 4_500);
    t.same(log, [
      ['connect', 'c1', 'alice', '192.0.2.1', ['r']],
      ['disconnect', 'c1', null, ['r']],
      ['connect', 'c2', 'eve', '192.0.2.1', []],
      ['disconnect', 'c2', 4_500, []],
    ]);
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);

t.test(
  'when onConnect or onDisconnect fails or is late, then the failure is counted and the connection goes on',
  async (t) => {
    const w = world({
      onConnect: () => NEVER,
      onDisconnect: () => throwError(() => new Error('a bug')),
    });
    const a = member(w);
    a.chat('r', 1);
    a.go();
    w.clock.advance(10_000);
    t.same(w.events.flatMap((event) => (event._tag === 'HookFailed' ? [event.hook] : [])).sort(), [
      'onConnect',
      'onDisconnect',
    ]);
    t.equal(w.broker.top('r').offset, 1);
    t.ok(isGone(w));
  },
);

t.test(
  'when a program closes with an impossible code or reason, then a RangeError is thrown and nothing changes',
  async (t) => {
    let info: ConnectionInfo | undefined;
    const w = world({
      onConnect: (connection) => {
        info = connection;
      },
    });
    const a = member(w);
    const bad: readonly (readonly [number, string])[] = [
      ...[0, 999, 1001, 1005, 1006, 1015, 2999, 5000, 3000.5, Number.NaN].map(
        (code) => [code, 'why'] as const,
      ),
      [4000, 'x'.repeat(124)],
      [4000, 'ü'.repeat(62)],
    ];
    for (const [code, reason] of bad)
      t.throws(() => info?.close(code, reason), {
        name: 'RangeError',
        message: /expected .*, got/,
      });
    t.equal(a.code(), undefined);
    a.chat('r', 'still here');
    w.clock.advance(10);
    t.same(a.texts('r'), ['still here']);
    info?.close(4999, `${'ü'.repeat(61)}x`);
    w.clock.advance(10);
    t.equal(a.code(), 4999);
    const b = member(w);
    info?.close(1000, '');
    w.clock.advance(10);
    t.equal(b.code(), 1000);
    w.clock.advance(10_000);
    t.ok(isGone(w));
  },
);
