/** One Redis: how its client handles broken connections, a freeze and an ACL. */
import { createServer } from 'node:net';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import t from 'tap';
import {
  type Again,
  channelOf,
  mayHaveRun,
  type Outcome,
  type RedisPort,
  type RedisReply,
} from '../../../lib/broker/redis/port.js';
import { standaloneRedis } from '../../../lib/broker/redis/standalone.js';
import { parseId } from '../../../lib/protocol/position.js';
import { ACL_USER, aclOf, asUser } from '../../support/docs.js';
import { keyIn } from '../../support/keys.js';
import { freePort, OTHERS, startRedis, until } from '../../support/redis.js';
import {
  draft,
  later,
  left,
  options,
  ready,
  right,
  publishAll,
  texts,
  watch,
} from '../../support/watched-bus.js';

t.test('one Redis alone', async (t) => {
  await t.test(
    'when the URL has TLS and a password, then the client connects with both',
    async (t) => {
      const server = await startRedis({ tls: true, password: 'p@ss/word' });
      const url = `rediss://:${encodeURIComponent('p@ss/word')}@127.0.0.1:${server.port}`;
      const a = await ready(standaloneRedis(options({ url, tls: { ca: server.ca } })));
      await right(a.bus.subscribe([channelOf('tls')]));
      await publishAll(a.bus, 'tls', texts(20, 's'));
      await until('all are heard', () => a.received(channelOf('tls')).length === 20);
      await a.close();

      const untrusting = watch(standaloneRedis(options({ url })));
      t.match(
        await untrusting.next('Lost', 0),
        { detail: /certificate/ },
        'who does not know the authority is not let in',
      );
      await untrusting.close();
      await server.stop();
    },
  );

  await t.test(
    'when a right is taken away, then a call refused before its first write is not done',
    async (t) => {
      const server = await startRedis({ acl: [OTHERS, aclOf('standalone')] });
      const a = await ready(standaloneRedis(options({ url: asUser(server.url) })));
      const user = ACL_USER.split(':')[0] ?? '';
      const channel = channelOf('acl');
      const log = `{${channel}}:log`;
      const state = async (): Promise<unknown> => [
        await server.command('HGETALL', `{${channel}}:pos`),
        await server.command('XRANGE', log, '-', '+'),
        await server.command('KEYS', '*'),
      ];
      const publish = (
        bus: RedisPort,
        text: string,
        again?: Again,
      ): RedisReply<readonly Outcome[]> => {
        const drafts = [draft('acl', `"x":"${text}"}`, { key: keyIn(text), digest: 'D' })];
        return bus.publish('acl', drafts, [5], 77, later(), {
          id: `c-${text}`,
          ...(again === undefined ? {} : { again }),
        });
      };
      const again: Again = { sinceMs: Date.now() - 1_000, tag: 0, offset: 0 };
      await right(publish(a.bus, 'first'));
      for (const taken of ['-xadd', '-hset', '-set', '-pexpire', '-hmget', '-time', '-evalsha']) {
        const before = await state();
        await server.command('ACL', 'SETUSER', user, taken);
        const answer = await firstValueFrom(publish(a.bus, `no ${taken}`));
        t.match(answer, { left: { _tag: 'NoPermission' } }, taken);
        await server.command('ACL', 'SETUSER', user, taken.replace('-', '+'));
        t.same(await state(), before, `${taken}: nothing is half done`);
        if (taken !== '-hmget' && taken !== '-time')
          t.notOk('left' in answer && mayHaveRun(answer.left), 'and the answer says so');
      }
      for (const [taken, back] of [
        ['-publish', '+publish'],
        ['resetchannels', '&realtime:*'],
      ] as const) {
        const size = Number(await server.command('XLEN', log));
        await server.command('ACL', 'SETUSER', user, taken);
        const bus =
          taken === 'resetchannels'
            ? (await ready(standaloneRedis(options({ url: asUser(server.url) })))).bus
            : a.bus;
        const answer = await firstValueFrom(publish(bus, taken));
        t.match(answer, { left: { _tag: 'NoPermission', inside: true } }, taken);
        t.ok('left' in answer && mayHaveRun(answer.left));
        t.equal(await server.command('XLEN', log), size + 1, 'the log has it');
        const [outcome] = await right(publish(bus, taken, again));
        t.equal(outcome?._tag, 'Placed', 'asked again it has its place');
        t.equal(await server.command('XLEN', log), size + 1, 'and is not said again');
        await server.command('ACL', 'SETUSER', user, back);
        if (bus !== a.bus) await lastValueFrom(bus.close(), { defaultValue: undefined });
      }
      await right(publish(a.bus, 'last'));
      t.equal(await server.command('XLEN', log), 4, 'the log goes on');
      await a.close();
      await server.stop();
    },
  );

  await t.test('when an ACL user has the least rights, then everything works', async (t) => {
    const acl = [
      'user default off',
      aclOf('standalone').replace('user chat on >secret', 'user pod on >s:ecret'),
      'user mute on >secret allkeys &* +@all -publish',
      'user reader on >secret %R~* &* +@all',
      'user deaf on >secret allkeys resetchannels +@all',
    ];
    const server = await startRedis({ acl });
    const of = (user: string, password: string): RedisPort =>
      standaloneRedis(
        options({
          url: `redis://${user}:${encodeURIComponent(password)}@127.0.0.1:${server.port}`,
        }),
      );
    const a = await ready(of('pod', 's:ecret'));
    await right(a.bus.subscribe([channelOf('acl')]));
    await right(
      a.bus.publish(
        'acl',
        [draft('acl', '"x":1}', { key: keyIn('k'), digest: 'D' })],
        [0],
        77,
        later(),
      ),
    );
    for (const answer$ of [
      a.bus.top('acl', 1),
      a.bus.page('acl', 0, 1, 1),
      a.bus.renew('acl', 77, 78),
      a.bus.members('acl', 2),
      a.bus.probe('x'),
      a.bus.control('x'),
    ])
      await right<unknown>(answer$);
    await until('it is heard', () => a.received(channelOf('acl')).length === 1);
    t.equal(await left(a.bus.subscribe(['elsewhere'])), 'NoPermission');

    const mute = await ready(of('mute', 'secret'));
    t.equal(
      await left(mute.bus.publish('acl', [draft('acl', '"x":1}')], [0], 77, later())),
      'NoPermission',
    );
    const reader = await ready(of('reader', 'secret'));
    t.equal(
      await left(reader.bus.publish('acl', [draft('acl', '"x":1}')], [0], 77, later())),
      'NoPermission',
    );
    const deaf = await ready(of('deaf', 'secret'));
    t.equal(await left(deaf.bus.subscribe([channelOf('acl')])), 'NoPermission');
    const wrong = watch(of('pod', 'wrong'));
    const lost = await wrong.next('Lost', 0);
    t.match(lost, { detail: /WRONGPASS/ });
    t.notMatch(lost, { detail: /wrong(?!PASS)\b/ }, 'no password in what is told');
    await Promise.all([a, mute, reader, deaf, wrong].map((one) => one.close()));
    await server.stop();
  });

  await t.test('when the epoch in Redis is not valid, then a new epoch begins', async (t) => {
    const server = await startRedis();
    const a = await ready(standaloneRedis(options({ url: server.url })));
    for (const [i, epoch] of ['0', '-1', '1.5', '4095', '5000', 'x'].entries()) {
      const [room, other] = [`said-${i}`, `read-${i}`];
      for (const name of [room, other])
        await server.command(
          'HSET',
          `{${channelOf(name)}}:pos`,
          'e',
          epoch,
          'o',
          '7',
          't',
          '1',
          'i',
          'z',
        );
      t.same(await right(a.bus.position(other)), undefined, `${epoch}: no log`);
      t.match(await right(a.bus.top(other, 77)), { tag: 77, offset: 0 });
      const drafts = [draft(room, '"x":1}')];
      const outcomes = await right(a.bus.publish(room, drafts, [0], 78, later(), { id: `c-${i}` }));
      t.match(parseId(String(Reflect.get(outcomes[0] ?? {}, 'id'))), {
        value: { tag: 78, offset: 1 },
      });
    }
    await a.close();
    await server.stop();
  });

  await t.test('when a master became a replica, then the error is typed', async (t) => {
    const master = await startRedis();
    const server = await startRedis();
    const a = await ready(standaloneRedis(options({ url: server.url })));
    await right(a.bus.subscribe([channelOf('demoted')]));
    await server.command('REPLICAOF', '127.0.0.1', master.port);
    t.equal(
      await left(a.bus.publish('demoted', [draft('demoted', '"x":1}')], [0], 77, later())),
      'ReadOnly',
    );
    t.equal(await left(a.bus.probe('x')), 'ReadOnly', 'the probe notices');
    t.equal(await left(a.bus.lease()), 'ReadOnly');
    t.equal(await left(a.bus.control('x')), 'ReadOnly', 'what only publishes is refused too');
    t.strictSame(a.received(channelOf('demoted')), [], 'nobody heard what was not done');
    await a.close();
    await Promise.all([master.stop(), server.stop()]);
  });

  await t.test(
    'when Redis is not there at the start, then Lost comes once, and Ready when Redis comes',
    async (t) => {
      const server = await startRedis();
      await server.kill();
      const a = watch(standaloneRedis(options({ url: `127.0.0.1:${server.port}` })));
      await a.next('Lost', 0);
      t.equal(await left(a.bus.subscribe(['x'])), 'Unreachable');
      await server.restart();
      const start = performance.now();
      await a.next('Ready', 0);
      t.ok(performance.now() - start < 2_000);
      t.strictSame(a.tags(), ['Lost', 'Ready']);

      await t.test(
        'when the connection is killed under load, then open calls fail at once, and it is opened again',
        async (t) => {
          const from = a.events.length;
          const publishing = Promise.all(
            texts(50, 'load').map((room) =>
              firstValueFrom(a.bus.publish(room, [draft(room, '"x":1}')], [0], 77, later())),
            ),
          );
          server.freeze();
          const stuck = firstValueFrom(
            a.bus.publish('stuck', [draft('stuck', '"x":1}')], [0], 77, later()),
          );
          const before = performance.now();
          await server.kill();
          t.match(await stuck, { _tag: 'Left', left: { _tag: 'Unreachable' } });
          await publishing;
          t.ok(performance.now() - before < 900, 'well before the timeout');
          t.match(await a.next('Lost', from), { _tag: 'Lost' });
          await server.restart(true);
          await a.next('Ready', from);
          t.match(
            await right(a.bus.publish('load0', [draft('load0', '"x":1}')], [0], 99, later())),
            [{ _tag: 'Placed' }],
            'although Redis forgot the scripts',
          );
          t.match(await right(a.bus.top('load0', 1)), { tag: 99, offset: 1 }, 'a new epoch');
        },
      );

      await t.test(
        'when the subscriber connection is killed, then Lost and Ready come, and channels are subscribed again',
        async (t) => {
          const from = a.events.length;
          await right(a.bus.subscribe([channelOf('killed')]));
          await server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
          await a.next('Ready', from);
          await right(a.bus.subscribe([channelOf('killed')]));
          await publishAll(a.bus, 'killed', ['again']);
          await until('it is heard', () => a.received(channelOf('killed')).length === 1);
          t.strictSame(
            a.events.slice(from).map(({ _tag }) => _tag),
            ['Lost', 'Ready', 'Message'],
          );
        },
      );
      await a.close();
      await server.stop();
    },
  );

  await t.test(
    'when each connection is cut, then the client backs off, and Lost comes once',
    async (t) => {
      let tries = 0;
      const server = createServer((socket) => {
        tries += 1;
        socket.destroy();
      });
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      const a = watch(standaloneRedis(options({ url: `127.0.0.1:${port}` })));
      const start = performance.now();
      // two connections a try
      await until('it has tried five times', () => tries >= 10);
      const took = performance.now() - start;
      t.ok(took > 300, `five tries take ${took} ms`);
      t.strictSame(a.tags(), ['Lost']);
      await a.close();
      server.close();
    },
  );

  await t.test('when Redis restarts with its append-only file, then positions go on', async (t) => {
    const server = await startRedis({ appendonly: true, appendfsync: 'always' });
    const a = await ready(standaloneRedis(options({ url: server.url })));
    await publishAll(a.bus, 'kept', texts(5, 'k'));
    const top = await right(a.bus.top('kept', 1));
    const from = a.events.length;
    await server.restart();
    await a.next('Ready', from);
    t.strictSame(await right(a.bus.top('kept', 1)), top);
    await a.close();
    await server.stop();
  });

  await t.test('when the client is closed before it was ready, then nothing is left', async (t) => {
    const a = watch(standaloneRedis(options({ url: '127.0.0.1:1' })));
    await a.next('Lost', 0);
    await a.close();
    await until(
      'no socket and no timer is left',
      () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name)).length === 0,
    );
    t.strictSame(a.tags(), ['Lost']);
  });
});
