/** What pods know of each other through Redis: members, names, control commands, probes. */
import { firstValueFrom } from 'rxjs';
import { type Test } from 'tap';
import { channelOf, CONTROL_CHANNEL, podChannel } from '../../../lib/broker/redis/port.js';
import { until } from '../../support/redis.js';
import { ready, right } from '../../support/watched-bus.js';
import { type TwoPods } from './two-pods.js';

export const podsOf = async (test: Test, { open, at, a, b }: TwoPods): Promise<void> => {
  await test.test('when pods have died, then only members of living pods count', async (t) => {
    const hash = `{${channelOf('counted')}}:members`;
    const pods = `{${CONTROL_CHANNEL}}:pods`;
    t.equal(await right(a.bus.members('counted', 3)), 0);
    t.equal(await right(b.bus.members('counted', 4)), 3, 'a pod that came just now counts');
    t.equal(await right(a.bus.members('counted', 3)), 4);
    await at(hash, 'PEXPIRE', 1_000_000);
    t.equal(await right(a.bus.members('counted', 3)), 4);
    t.ok(Number(await at(hash, 'PTTL')) <= 1_000_000, 'what has not changed is not written');
    await at(hash, 'PEXPIRE', 3_600_000);
    const names = (pods: unknown): readonly string[] =>
      Array.isArray(pods) ? pods.map((pod) => String(pod).replace(/#[0-9a-z]+$/, '')) : [];
    t.strictSame(
      names(await right(a.bus.lease()))
        .filter((pod) => /^pod-[ab]$/.test(pod))
        .sort(),
      ['pod-a', 'pod-b'],
    );
    const now = Date.now();
    await at(pods, 'ZADD', now - 5_000, 'lately', now - 100_000, 'long-ago');
    await at(hash, 'HSET', 'lately', 10, 'long-ago', 20);
    const c = await ready(open({ serverId: 'pod-c' }));
    t.equal(await right(c.bus.members('counted', 0)), 7, 'whose lease has ended does not');
    t.strictSame(
      names(await at(hash, 'HKEYS')),
      ['pod-a', 'pod-b', 'lately'],
      'who has long gone is forgotten, who may come back is not',
    );
    await c.close();
    t.notOk(
      JSON.stringify(await at(pods, 'ZRANGE', 0, -1)).includes('pod-c'),
      'close gives the lease back',
    );
    t.equal(await right(b.bus.members('counted', 0)), 3);
    t.strictSame(names(await at(hash, 'HKEYS')), ['pod-a', 'lately'], 'no members, no field');
    t.ok(Number(await at(hash, 'PTTL')) > 590_000);
    const written = await at(hash, 'HGETALL');
    t.equal(await right(a.bus.members('counted', undefined)), 0, 'who only asks');
    t.equal(await right(b.bus.members('counted', undefined)), 3);
    t.strictSame(await at(hash, 'HGETALL'), written, 'changes nothing');
    await at(hash, 'DEL');
    t.equal(await right(b.bus.members('counted', 4)), 0);
    t.equal(await right(a.bus.members('counted', 3)), 4, 'what was lost is written again');
    t.ok(Number(await at(hash, 'PTTL')) > 590_000);
  });

  await test.test(
    'when two pods have one name, or one has restarted, then they count as two',
    async (t) => {
      const twins = await Promise.all([
        ready(open({ serverId: 'twin' })),
        ready(open({ serverId: 'twin' })),
      ]);
      const [first, second] = twins;
      t.equal(await right(first.bus.members('twins', 3)), 0);
      t.equal(await right(second.bus.members('twins', 4)), 3);
      t.equal(await right(first.bus.members('twins', 3)), 4);
      await first.close();
      // who lives is asked with each renewal of the lease
      await right(second.bus.lease());
      t.equal(await right(second.bus.members('twins', 4)), 0, 'who goes takes its own alone');
      const third = await ready(open({ serverId: 'twin' }));
      t.equal(await right(third.bus.members('twins', 1)), 4);
      await Promise.all([second.close(), third.close()]);
    },
  );

  await test.test(
    'when a command is kept, then a pod that did not receive it reads it with its age',
    async (t) => {
      await right(a.bus.control('not kept'));
      const kept = (name: string, isOver = false) => ({ name, ms: 60_000, isOver });
      await right(a.bus.control('first', kept('a.1')));
      await right(a.bus.control('first, again', kept('a.1')));
      await right(b.bus.control('second', kept('b.1')));
      await right(b.bus.control('third', kept('b.2')));
      await right(b.bus.control('over', kept('b.2', true)));
      const recalled = await right(b.bus.recall(60_000));
      t.same(recalled.map(({ text }) => text).sort(), ['first, again', 'second']);
      t.ok(recalled.every(({ ageMs }) => ageMs >= 0 && ageMs < 10_000));
      t.ok(Number(await at(`{${CONTROL_CHANNEL}}:catch-ups`, 'PTTL')) > 50_000);
      for (let i = 0; i < 4_096; i += 1) await right(a.bus.control('', kept(`c.${i}`)));
      await right(a.bus.control('finds no room', kept('d')));
      const full = await right(b.bus.recall(60_000));
      t.equal(full.length, 4_097, 'that something was not kept is kept');
      t.notOk(full.some(({ text }) => text === 'finds no room'));
      await right(a.bus.control('fits', kept('a.1')));
      t.ok((await right(b.bus.recall(60_000))).some(({ text }) => text === 'fits'));
      const key = `{${CONTROL_CHANNEL}}:catch-ups`;
      await at(key, 'HSET', '#', 'nan', 'c.0', '1 too old');
      await right(a.bus.control('fits too', kept('e')));
      const swept = await right(b.bus.recall(60_000));
      t.ok(
        swept.some(({ text }) => text === 'fits too'),
        'what is too old makes room',
      );
      await at(key, 'DEL');
      await at(key, 'SET', 'of another program');
      const refused = await firstValueFrom(a.bus.control('is published', kept('f')));
      t.match(refused, { left: { _tag: 'WrongType' } });
      await right(a.bus.control('needs no key'));
      await at(key, 'DEL');
    },
  );

  await test.test(
    'when a probe is sent, then it comes back with the time; a control command reaches all',
    async (t) => {
      await Promise.all([
        right(a.bus.subscribe([podChannel('pod-a'), CONTROL_CHANNEL])),
        right(b.bus.subscribe([podChannel('pod-b'), CONTROL_CHANNEL])),
      ]);
      t.ok(Math.abs((await right(a.bus.probe('ping 1'))) - Date.now()) < 5_000);
      await right(b.bus.control('hear'));
      await until(
        'both are heard',
        () =>
          a.received(podChannel('pod-a')).length +
            a.received(CONTROL_CHANNEL).length +
            b.received(CONTROL_CHANNEL).length ===
          3,
      );
      t.strictSame(
        [a.received(podChannel('pod-a')), b.received(CONTROL_CHANNEL)],
        [['ping 1'], ['hear']],
      );
      t.strictSame(b.received(podChannel('pod-a')), []);
      t.ok(Number(await at(`{${podChannel('pod-a')}}:lease`, 'PTTL')) > 9_000, 'it writes');
    },
  );
};
