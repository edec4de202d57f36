import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { GLOBAL } from '../lib/protocol/position.js';
import { checker } from './support/invariants.js';
import {
  ack,
  chat,
  chats,
  comesTo,
  control,
  found,
  gap,
  idAt,
  joined,
  logOf,
  type Play,
  pod,
} from './support/invariants/play.js';
import { APPLICATIONS, GOOD_APPLICATIONS } from './invariants/application.js';
import { DELIVERY } from './invariants/delivery.js';
import { OUTCOMES } from './invariants/outcomes.js';

const GOOD: Readonly<Record<string, (play: Play) => void>> = {
  'every message for everybody': (play) => {
    chats(play, 1, 5);
    play.check.log(logOf([1, 2, 3, 4, 5]));
    play.check.healed(300);
  },
  'a hole that is told': (play) => {
    const { alice, bob, check, send } = play;
    chats(play, 1, 1);
    const over = check.fault({ name: 'Redis is away', unreachable: true }, 220);
    for (const n of [2, 3]) send(n);
    bob.received(chat(2), 230);
    bob.received(chat(3), 230);
    alice.received(gap(2, 'broker_outage'), 240);
    alice.received(chat(3), 240);
    over(250);
  },
  'a resume that goes on where it stopped, also after what is outside the log': (play) => {
    const { bob, open, send } = play;
    chats(play, 1, 2);
    bob.closed(undefined, 'itself', 300);
    send(3);
    const again = open('bob', { lastId: `${idAt(2)},${idAt(0, { global: true, outside: true })}` });
    again.received(chat(3), 310);
    again.received(joined(3, {}, { recovered: 1 }), 310);
    again.closed(1000, 'itself', 320);
    const last = open('bob', { lastId: idAt(3, { outside: true, nonce: 5 }) });
    last.received(joined(3, {}, { recovered: 0 }), 330);
  },
  'what was said on a pod alone is told as a gap to who comes there with an id of before': (
    play,
  ) => {
    const again = comesTo(play, idAt(1));
    again.received(gap(1, 'broker_outage'), 410);
    again.received(joined(1, {}, { recovered: 0 }), 410);
    again.closed(undefined, 'itself', 420);
    // and no later gap is due for it
    const once = { client: 'bob', user: 'bob', pod: 'a', at: 430, room: 'r' };
    const more = play.check.connected({ ...once, lastId: idAt(1, { outside: true, nonce: 9 }) });
    more.received(joined(1, {}, { recovered: 0 }), 440);
  },
  'two tries of which one is answered: the other may be on the pod alone': (play) => {
    const { alice, bob, open, send } = play;
    chats(play, 1, 1);
    bob.closed(undefined, 'itself', 300);
    send(2);
    alice.closed(undefined, 'itself', 310);
    const back = open('alice', { lastId: idAt(1) });
    back.received(joined(1, {}, { recovered: 0 }), 320);
    back.sent({ room: 'r', ref: '2', data: { n: 2 } }, 330);
    back.received(chat(2), 340);
    back.received(ack(2), 340);
    const again = open('bob', { lastId: idAt(1) });
    again.received(gap(1, 'broker_outage'), 350);
    again.received(chat(2), 350);
    again.received(joined(2, {}, { recovered: 1 }), 350);
  },
  'one id alone: the other log comes again': (play) => {
    const { open, check, alice } = play;
    const global = { global: true };
    const text = JSON.stringify({
      id: idAt(1, global),
      type: 'chat',
      from: 'alice',
      data: { n: 1 },
    });
    alice.sent({ room: GLOBAL, ref: '1', data: { n: 1 } }, 110);
    alice.received(text, 120);
    alice.closed(1001, undefined, 130);
    const again = open('alice', { lastId: idAt(0, { outside: true }) });
    again.received(text, 140);
    again.received(control('joined', { recovered: 1 }, global, 1), 140);
    check.foreignId(idAt(9));
  },
  'what was said on the pod is passed over when Redis says it after all': (play) => {
    const { alice, bob, send, check } = play;
    check.fault({ name: 'answers do not come', unreachable: true }, 90);
    send(1);
    alice.received(chat(1, { ...pod, offset: 0 }), 210);
    alice.received(ack(1, { ...pod, offset: 0 }), 210);
    send(2);
    bob.received(chat(1), 220);
    for (const ears of [alice, bob]) ears.received(chat(2), 230);
  },
  'a new epoch that is told': (play) => {
    const { alice, bob, send, check } = play;
    chats(play, 1, 2);
    check.fault({ name: 'Redis is wiped', forgets: true }, 210)(215);
    check.epoch('r', 8, 215);
    send(3);
    for (const ears of [alice, bob]) {
      ears.received(gap(0, 'log_lost', { tag: 8 }), 220);
      ears.received(JSON.stringify({ ...JSON.parse(chat(3)), id: idAt(1, { tag: 8 }) }), 220);
    }
  },
  'a resend that is a duplicate': (play) => {
    const { alice, send } = play;
    chats(play, 1, 1);
    send(1);
    alice.received(ack(1, { duplicate: true }), 220);
  },
  'Redis forgot what was acknowledged': (play) => {
    chats(play, 1, 3);
    play.check.fault({ name: 'Redis loses its tail', forgets: true }, 300)(310);
    play.check.log(logOf([1, 2]));
  },
  'a status that follows the broker': ({ check }) => {
    check.status('a', 'ready', 0);
    check.probes('a', true, 0);
    check.probes('a', false, 1_000);
    check.status('a', 'degraded', 3_900);
    check.probes('a', true, 9_000);
    check.status('a', 'ready', 10_900);
  },
  'a place of an epoch that never was, while no log is known': ({ open, check }) => {
    check.fault({ name: 'Redis is away', unreachable: true }, 0);
    const carol = open('carol');
    carol.received(joined(0, { tag: 11 }, { scope: 'pod' }), 100);
    carol.received(control('joined', { room: 'r', members: 2 }, { tag: 12 }), 110);
  },
  'closes that a server may say': ({ alice, bob }) => {
    alice.closed(1013, undefined, 300);
    bob.closed(undefined, 'its pod was killed', 300);
  },
};

for (const [name, play] of Object.entries({ ...GOOD, ...GOOD_APPLICATIONS }))
  t.test(`when a history has ${name}, then nothing is found`, async (t) => t.same(found(play), []));

const BROKEN = { ...DELIVERY, ...OUTCOMES, ...APPLICATIONS };

for (const [name, [expected, play]] of Object.entries(BROKEN))
  t.test(`when a history has ${name}, then it is found`, async (t) => {
    const all = found(play);
    t.match(all.join('\n'), new RegExp(expected.source, 'm'));
    t.ok(all.length <= 3, all.join('\n'));
  });

t.test(
  'when sockets may be read in another order, then a message just after a join is not missed',
  async (t) => {
    const play = ({ alice, bob, check, send, ...rest }: Play): void => {
      chats({ alice, bob, check, send, ...rest }, 1, 1);
      bob.closed(undefined, 'itself', 300);
      send(2);
      const once = { client: 'bob', user: 'bob', pod: 'a', room: 'r' };
      const again = check.connected({ ...once, at: 305, lastId: idAt(1) });
      again.received(gap(1, 'broker_outage'), 310);
      again.received(joined(1, {}, { recovered: 0 }), 310);
      // this came before the gap, on another socket
      alice.received(chat(2, { ...pod, offset: 1 }), 311);
      alice.received(ack(2, { ...pod, offset: 1 }), 311);
      again.closed(undefined, 'itself', 320);
      const lastId = idAt(1, { ...pod, nonce: pod.nonce + 1 });
      const last = check.connected({ ...once, at: 330, lastId });
      last.received(joined(1, {}, { recovered: 0 }), 340);
    };
    t.match(found(play).join(), /^I1 bob r came back, and/);
    t.same(found(play, { disorderMs: 10 }), []);
  },
);

t.test('when an invariant exists, then one of the histories breaks it', async (t) => {
  const tags = [...Array.from({ length: 12 }, (_, i) => `I${i + 1}`), 'gap'];
  t.same(
    tags.filter((tag) => !Object.keys(BROKEN).some((name) => name.startsWith(`${tag}:`))),
    [],
  );
});

t.test(
  'when a hundred clients get 20,000 messages each, then a message costs under 6,000 bytes',
  async (t) => {
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc') as () => void;
    const check = checker();
    const MESSAGES = 20_000;
    const CLIENTS = 100;
    collect();
    const before = process.memoryUsage().heapUsed;
    const all = Array.from({ length: CLIENTS }, (_, i) => {
      const ears = check.connected({ client: `c${i}`, user: 'alice', pod: 'a', at: 0, room: 'r' });
      ears.received(joined(0), 0);
      return ears;
    });
    for (let n = 1; n <= MESSAGES; n++) {
      all[0]?.sent({ room: 'r', ref: `${n}`, data: { n } }, n);
      const text = chat(n);
      for (const ears of all) ears.received(text, n);
      all[0]?.received(ack(n), n);
    }
    collect();
    const bytes = process.memoryUsage().heapUsed - before;
    const { violations, counts } = check.verdict({ at: MESSAGES, settled: MESSAGES });
    t.same(violations, []);
    t.equal(counts.delivered, MESSAGES * CLIENTS);
    t.ok(bytes / MESSAGES < 6_000, `${Math.round(bytes / MESSAGES)} bytes a message`);
  },
);
