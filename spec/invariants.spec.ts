/** The checker of invariants finds each that is broken, says which, and finds nothing where all is well. */
import t from 'tap';
import { formatId, GLOBAL, type MessageId } from '../lib/protocol/position.js';
import { type Checker, checker, type CheckerOptions, type Ears } from './support/invariants.js';

const EPOCH = 1_700_000_000_000;
const TAG = 7;

const idAt = (offset: number, over: Partial<MessageId> = {}): string =>
  formatId({
    ms: EPOCH + offset,
    tag: TAG,
    offset,
    global: false,
    outside: false,
    nonce: offset,
    ...over,
  });

/** The message `n` of a room, under its id. */
const chat = (n: number, over: Partial<MessageId> = {}, from = 'alice', room = 'r'): string =>
  JSON.stringify({ id: idAt(n, over), type: 'chat', room, from, data: { n } });

let nonce = 100_000;
const control = (
  event: string,
  data: Readonly<Record<string, unknown>> = {},
  over: Partial<MessageId> = {},
  offset = 0,
): string => {
  nonce += 1;
  const room = data['room'];
  const global = room === undefined;
  return JSON.stringify({
    id: idAt(offset, { outside: true, global, nonce, ...over }),
    type: 'system',
    room,
    from: 'server',
    data: { event, ...data },
  });
};

const joined = (offset: number, over: Partial<MessageId> = {}, more = {}): string =>
  control('joined', { room: 'r', position: null, members: 1, ...more }, over, offset);
const gap = (offset: number, reason: string, over: Partial<MessageId> = {}): string =>
  control('gap', { room: 'r', reason }, over, offset);
const ack = (
  n: number,
  over: Partial<MessageId> & { duplicate?: boolean; as?: number } = {},
): string => {
  const { duplicate = false, as = n, ...rest } = over;
  const scope = rest.outside === true ? { scope: 'pod' } : {};
  return control('ack', { ref: `${n}`, id: idAt(as, rest), duplicate, ...scope });
};

interface Play {
  readonly check: Checker;
  /** Alice, on pod a. */
  readonly alice: Ears;
  readonly bob: Ears;
  readonly open: (client: string, over?: { pod?: string; lastId?: string }) => Ears;
  /** What was said before then should have been answered. */
  readonly settle: (at: number) => void;
  /** Alice says message `n`. */
  readonly say: (n: number, room?: string) => void;
}

const RETENTION = { messages: 1_000, ms: 600_000 };

/** Alice and Bob in a room, at its beginning. What is played is then judged. */
const found = (
  play: (play: Play) => void,
  options: CheckerOptions = { knowsGround: true, retention: RETENTION },
): readonly string[] => {
  const check = checker(options);
  let at = 0;
  let settled = 0;
  const open: Play['open'] = (client, { pod = 'a', lastId } = {}) =>
    check.connected({ client, user: client, pod, at: at++, room: 'r', lastId });
  const [alice, bob] = [open('alice'), open('bob', { pod: 'b' })];
  for (const ears of [alice, bob]) {
    ears.heard(control('welcome', { connection_id: 'c' }), at++);
    ears.heard(control('joined', { members: 2 }), at++);
    ears.heard(joined(0), at++);
  }
  check.epoch('r', TAG, 0);
  play({
    check,
    alice,
    bob,
    open,
    settle: (when) => {
      settled = when;
    },
    say: (n, room = 'r') => alice.said({ room, ref: `${n}`, data: { n } }, 100 + n),
  });
  return check
    .verdict({ at: 100_000, settled })
    .violations.map(
      ({ tag, client, room, text }) => `${tag} ${client ?? '-'} ${room ?? '-'} ${text}`,
    );
};

/** Says and hears so many messages. */
const chats = ({ say, alice, bob }: Play, from: number, to: number): void => {
  for (let n = from; n <= to; n++) {
    say(n);
    for (const ears of [alice, bob]) ears.heard(chat(n), 200 + n);
    alice.heard(ack(n), 200 + n);
  }
};

const logOf = (ns: readonly number[], over: Partial<MessageId> = {}) => ({
  room: 'r',
  tag: over.tag ?? TAG,
  offset: ns.at(-1) ?? 0,
  id: ns.length === 0 ? null : idAt(ns.at(-1) ?? 0, over),
  first: ns[0] ?? 1,
  texts: ns.map((n) => chat(n, over)),
});

const pod = { outside: true, nonce: 99_999 } as const;

/** Alice says message 2 on pod a alone; Bob comes there after that with this id. */
const comesTo = (play: Play, lastId: string): Ears => {
  const { alice, bob, check, say } = play;
  chats(play, 1, 1);
  bob.closed(undefined, 'itself', 300);
  say(2);
  alice.heard(chat(2, { ...pod, offset: 1 }), 310);
  alice.heard(ack(2, { ...pod, offset: 1 }), 310);
  return check.connected({ client: 'bob', user: 'bob', pod: 'a', at: 400, room: 'r', lastId });
};

const GOOD: Readonly<Record<string, (play: Play) => void>> = {
  'everybody hears everything': (play) => {
    chats(play, 1, 5);
    play.check.log(logOf([1, 2, 3, 4, 5]));
    play.check.healed(300);
  },
  'a hole that is told': (play) => {
    const { alice, bob, check, say } = play;
    chats(play, 1, 1);
    const over = check.fault({ name: 'Redis is away', unreachable: true }, 220);
    for (const n of [2, 3]) say(n);
    bob.heard(chat(2), 230);
    bob.heard(chat(3), 230);
    alice.heard(gap(2, 'broker_outage'), 240);
    alice.heard(chat(3), 240);
    over(250);
  },
  'a resume that goes on where it stopped, also after what is outside the log': (play) => {
    const { bob, open, say } = play;
    chats(play, 1, 2);
    bob.closed(undefined, 'itself', 300);
    say(3);
    const again = open('bob', { lastId: `${idAt(2)},${idAt(0, { global: true, outside: true })}` });
    again.heard(chat(3), 310);
    again.heard(joined(3, {}, { recovered: 1 }), 310);
    again.closed(1000, 'itself', 320);
    const last = open('bob', { lastId: idAt(3, { outside: true, nonce: 5 }) });
    last.heard(joined(3, {}, { recovered: 0 }), 330);
  },
  'what was said on a pod alone is told as a gap to who comes there with an id of before': (
    play,
  ) => {
    const again = comesTo(play, idAt(1));
    again.heard(gap(1, 'broker_outage'), 410);
    again.heard(joined(1, {}, { recovered: 0 }), 410);
    again.closed(undefined, 'itself', 420);
    // and that gap is the last it need be told of it
    const once = { client: 'bob', user: 'bob', pod: 'a', at: 430, room: 'r' };
    const more = play.check.connected({ ...once, lastId: idAt(1, { outside: true, nonce: 9 }) });
    more.heard(joined(1, {}, { recovered: 0 }), 440);
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
    alice.said({ room: GLOBAL, ref: '1', data: { n: 1 } }, 110);
    alice.heard(text, 120);
    alice.closed(1001, undefined, 130);
    const again = open('alice', { lastId: idAt(0, { outside: true }) });
    again.heard(text, 140);
    again.heard(control('joined', { recovered: 1 }, global, 1), 140);
    check.stranger(idAt(9));
  },
  'what was said on the pod is passed over when Redis says it after all': (play) => {
    const { alice, bob, say, check } = play;
    check.fault({ name: 'answers do not come', unreachable: true }, 90);
    say(1);
    alice.heard(chat(1, { ...pod, offset: 0 }), 210);
    alice.heard(ack(1, { ...pod, offset: 0 }), 210);
    say(2);
    bob.heard(chat(1), 220);
    for (const ears of [alice, bob]) ears.heard(chat(2), 230);
  },
  'a new epoch that is told': (play) => {
    const { alice, bob, say, check } = play;
    chats(play, 1, 2);
    check.fault({ name: 'Redis is wiped', forgets: true }, 210)(215);
    check.epoch('r', 8, 215);
    say(3);
    for (const ears of [alice, bob]) {
      ears.heard(gap(0, 'log_lost', { tag: 8 }), 220);
      ears.heard(JSON.stringify({ ...JSON.parse(chat(3)), id: idAt(1, { tag: 8 }) }), 220);
    }
  },
  'a resend that is a duplicate': (play) => {
    const { alice, say } = play;
    chats(play, 1, 1);
    say(1);
    alice.heard(ack(1, { duplicate: true }), 220);
  },
  'Redis forgot what was acknowledged': (play) => {
    chats(play, 1, 3);
    play.check.fault({ name: 'Redis loses its tail', forgets: true }, 300)(310);
    play.check.log(logOf([1, 2]));
  },
  'a status that follows what is the case': ({ check }) => {
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
    carol.heard(joined(0, { tag: 11 }, { scope: 'pod' }), 100);
    carol.heard(control('joined', { room: 'r', members: 2 }, { tag: 12 }), 110);
  },
  'closes that a server may say': ({ alice, bob }) => {
    alice.closed(1013, undefined, 300);
    bob.closed(undefined, 'its pod was killed', 300);
  },
};

for (const [name, play] of Object.entries(GOOD))
  t.test(`nothing is found: ${name}`, async (t) => t.same(found(play), []));

const BAD: Readonly<Record<string, readonly [RegExp, (play: Play) => void]>> = {
  'I1: a hole': [
    /^I1 bob r at 7\/1 heard 7\/3: 1 of r are missing from 7\/2 on, and no gap was told/,
    (play) => {
      chats(play, 1, 1);
      play.say(2);
      play.say(3);
      play.alice.heard(chat(2), 210);
      for (const ears of [play.alice, play.bob]) ears.heard(chat(3), 210);
    },
  ],
  'I1: a hole at the end': [
    /^I1 bob r in the end at 7\/1, the log at 7\/2: 1 of r are missing/,
    (play) => {
      chats(play, 1, 1);
      play.say(2);
      play.alice.heard(chat(2), 210);
      play.check.log(logOf([1, 2]));
      play.check.healed(300);
    },
  ],
  'I1: a hole in what is replayed': [
    /^I1 bob r at 7\/1 heard 7\/3/,
    (play) => {
      chats(play, 1, 3);
      play.bob.closed(1000, 'itself', 300);
      play.open('bob', { lastId: idAt(1) }).heard(chat(3), 310);
    },
  ],
  'I1: joined beyond what was replayed': [
    /^I1 bob r at 7\/1 was shown 7\/3/,
    (play) => {
      chats(play, 1, 3);
      play.bob.closed(1000, 'itself', 300);
      play.open('bob', { lastId: idAt(1) }).heard(joined(3, {}, { recovered: 0 }), 310);
    },
  ],
  'I1: recovered counts what came': [
    /^I1 bob r .*told that 2 were recovered, and got 1/,
    (play) => {
      chats(play, 1, 2);
      play.bob.closed(1000, 'itself', 300);
      const again = play.open('bob', { lastId: idAt(1) });
      again.heard(chat(2), 310);
      again.heard(joined(2, {}, { recovered: 2 }), 310);
    },
  ],
  'I1: shown a place that it has not reached': [
    /^I1 bob r at 7\/1 was shown 7\/2 outside the log/,
    (play) => {
      chats(play, 1, 1);
      play.say(2);
      play.alice.heard(chat(2), 210);
      play.bob.heard(control('joined', { room: 'r', members: 2 }, {}, 2), 220);
    },
  ],
  'I1: a new epoch unsaid': [
    /^I1 bob r at 7\/1 heard 8\/1 of another epoch without a gap/,
    (play) => {
      chats(play, 1, 1);
      play.say(2);
      const text = JSON.stringify({ ...JSON.parse(chat(2)), id: idAt(1, { tag: 8 }) });
      play.bob.heard(text, 210);
    },
  ],
  'I1: shown a place of the next epoch': [
    /^I1 bob r at 7\/1 was shown 8\/0 outside the log, a place of another epoch, without a gap/,
    (play) => {
      chats(play, 1, 1);
      play.check.epoch('r', 8, 210);
      play.bob.heard(control('joined', { room: 'r', members: 2 }, { tag: 8 }), 220);
    },
  ],
  'I1: joined too late for what it promises': [
    /^I1 carol r was told joined at 7\/2, and \{"n":2\}, said later, stands at or before that/,
    (play) => {
      chats(play, 1, 1);
      const carol = play.open('carol');
      carol.heard(joined(2), 50);
      play.say(2);
      for (const ears of [play.alice, play.bob]) ears.heard(chat(2), 210);
    },
  ],
  'I1: said on the pod, and a member there did not hear it': [
    /^I1 alice r never heard \{"n":1\}, which a said to its members/,
    (play) => {
      play.say(1);
      play.alice.heard(ack(1, { ...pod, offset: 0 }), 210);
    },
  ],
  'I1: a new message under an old offset is eaten': [
    /^I1 bob r bob has .* before .*: one of the two was eaten/,
    (play) => {
      const { alice, bob, say } = play;
      for (const n of [1, 2, 3]) say(n);
      alice.heard(chat(1), 210);
      alice.heard(JSON.stringify({ ...JSON.parse(chat(3)), id: idAt(2, { nonce: 77 }) }), 210);
      bob.heard(JSON.stringify({ ...JSON.parse(chat(2)), id: idAt(1, { nonce: 55 }) }), 210);
      bob.heard(JSON.stringify({ ...JSON.parse(chat(3)), id: idAt(2, { nonce: 77 }) }), 210);
    },
  ],
  'I2: the same message twice': [
    /^I2 bob r .*heard 7\/1 again/,
    (play) => {
      chats(play, 1, 1);
      play.bob.heard(chat(1), 220);
    },
  ],
  'I2: an echo of what was said on the pod': [
    /^I2 alice r .*heard \{"n":1\} twice: outside the log, and as 7\/1/,
    (play) => {
      play.say(1);
      play.alice.heard(chat(1, { ...pod, offset: 0 }), 210);
      play.alice.heard(chat(1), 220);
    },
  ],
  'I2: the same again after a resume that asked for what follows': [
    /^I2 bob r .*heard 7\/2, which it had passed/,
    (play) => {
      chats(play, 1, 2);
      play.bob.closed(1000, 'itself', 300);
      play.open('bob', { lastId: idAt(2) }).heard(chat(2), 310);
    },
  ],
  'I3: two orders': [
    /^I3 - r 2 of \d+ messages of r are in no one order/,
    (play) => {
      const [one, other] = [1, 2].map((n) =>
        JSON.stringify({ ...JSON.parse(chat(n)), id: idAt(0, { outside: true, nonce: 900 + n }) }),
      );
      play.say(1);
      play.say(2);
      for (const text of [one, other]) play.alice.heard(text ?? '', 210);
      for (const text of [other, one]) play.bob.heard(text ?? '', 210);
    },
  ],
  'I4: acknowledged, and not in the log': [
    /^I4 alice r \{"n":2\} was acked as 7\/2, and the log ends at 7\/1/,
    (play) => {
      chats(play, 1, 2);
      play.check.log(logOf([1]));
    },
  ],
  'I4: acknowledged, and another stands there': [
    /^I4 alice r \{"n":2\} was acked as .*, and the log has .* there/,
    (play) => {
      chats(play, 1, 2);
      play.say(3);
      const other = JSON.stringify({ ...JSON.parse(chat(3)), id: idAt(2, { nonce: 77 }) });
      play.check.log({ ...logOf([1, 2]), texts: [chat(1), other] });
    },
  ],
  'I4: trimmed before its time': [
    /^I4 alice r \{"n":1\} was acked as 7\/1, and the log begins at 2/,
    (play) => {
      chats(play, 1, 2);
      play.check.log(logOf([2]));
    },
  ],
  'I4: the epoch changed, and nothing had been lost': [
    /^I4 alice r .*the log is of epoch 8 though Redis forgot nothing/,
    (play) => {
      chats(play, 1, 1);
      play.check.log({ ...logOf([]), tag: 8 });
    },
  ],
  'I5: nobody said it': [
    /^I5 bob r heard .*, which nobody said/,
    ({ bob }) => bob.heard(chat(1), 210),
  ],
  'I5: another name': [
    /^I5 alice r \{"n":1\} was said by alice and heard as by mallory/,
    ({ bob, say }) => {
      say(1);
      bob.heard(chat(1, {}, 'mallory'), 210);
    },
  ],
  'I5: another text under the same id': [
    /^I5 bob r heard .* with another text than others/,
    (play) => {
      play.say(1);
      play.say(2);
      play.alice.heard(chat(1), 210);
      play.bob.heard(JSON.stringify({ ...JSON.parse(chat(2)), id: idAt(1) }), 210);
    },
  ],
  'I6: a message of another room': [
    /^I6 alice r \{"n":1\} was said in r and heard in s/,
    ({ bob, say }) => {
      say(1);
      bob.joins('s', undefined, 200);
      bob.heard(chat(1, {}, 'alice', 's'), 210);
    },
  ],
  'I6: a room that it is not in': [
    /^I6 bob s heard .*, where it is not/,
    ({ alice, bob }) => {
      alice.said({ room: 's', ref: '1', data: { n: 1 } }, 200);
      bob.heard(chat(1, {}, 'alice', 's'), 210);
    },
  ],
  'I7: the same key is stored twice': [
    /^I7 alice r \{"n":1\} is stored twice/,
    (play) => {
      chats(play, 1, 1);
      play.say(1);
      for (const ears of [play.alice, play.bob])
        ears.heard(JSON.stringify({ ...JSON.parse(chat(1)), id: idAt(2) }), 220);
    },
  ],
  'I7: two acks under two ids': [
    /^I7 alice r \{"n":1\} is .* and .*: the same key/,
    (play) => {
      chats(play, 1, 1);
      play.say(1);
      play.alice.heard(ack(1, { as: 2 }), 220);
    },
  ],
  'I7: a duplicate that was said once': [
    /^I7 alice r \{"n":1\} was sent once and is called a duplicate/,
    ({ say, alice }) => {
      say(1);
      alice.heard(ack(1, { duplicate: true }), 220);
    },
  ],
  'I8: more than its bound': [
    /^I8 - - an outbox: 257, bound to 256/,
    ({ check }) => check.holds('an outbox', 257, 256, 300),
  ],
  'I9: never answered': [
    /^I9 alice r \{"n":1\} was never answered/,
    ({ say, settle }) => {
      say(1);
      settle(5_000);
    },
  ],
  'I9: on the pod alone, though all is well': [
    /^I9 alice r .*said on the pod alone, though all was well/,
    ({ alice, check }) => {
      check.healed(200);
      alice.said({ room: 'r', ref: '1', data: { n: 1 } }, 9_000);
      alice.heard(chat(1, { ...pod, offset: 0 }), 9_001);
      alice.heard(ack(1, { ...pod, offset: 0 }), 9_001);
    },
  ],
  'I9: asked to join, and never told': [
    /^I9 bob s asked to join, and never was told so/,
    ({ bob, check, settle }) => {
      bob.joins('s', undefined, 200);
      check.healed(200);
      settle(5_000);
    },
  ],
  'I9: in an epoch that is over': [
    /^I9 \w+ r stands at 7\/1, the log at 8\/1/,
    (play) => {
      chats(play, 1, 1);
      play.check.fault({ name: 'Redis is wiped', forgets: true }, 300)(301);
      play.say(2);
      play.check.log({
        ...logOf([1], { tag: 8 }),
        texts: [JSON.stringify({ ...JSON.parse(chat(2)), id: idAt(1, { tag: 8 }) })],
      });
      play.check.healed(400);
    },
  ],
  'I9: cut without a cause': [
    /^I9 bob - was cut by b without a cause/,
    ({ bob }) => bob.closed(undefined, undefined, 300),
  ],
  'I10: something is left': [/^I10 - - 2 timers left/, ({ check }) => check.left('timers', 2, 300)],
  'I11: a process ended': [/^I11 - - pod-1 ended/, ({ check }) => check.ended('pod-1 ended', 300)],
  'I11: closed with 1011': [
    /^I11 bob - was closed with 1011 by b/,
    ({ bob }) => bob.closed(1011, undefined, 300),
  ],
  'I12: ready without a probe': [
    /^I12 - - a was ready for 4000 ms while no probe could go round/,
    ({ check }) => {
      check.status('a', 'ready', 0);
      check.probes('a', false, 1_000);
      check.status('a', 'degraded', 5_000);
    },
  ],
  'I1: said on a pod alone, and not told to who comes there': [
    /^I1 bob r came back, and \{"n":2\}, said on a alone, was not told/,
    (play) => comesTo(play, idAt(1)).heard(joined(1, {}, { recovered: 0 }), 410),
  ],
  'I12: degraded with probes': [
    /^I12 - - a was degraded for 5000 ms while probes could go round/,
    ({ check }) => {
      check.status('a', 'degraded', 0);
      check.probes('a', true, 1_000);
      check.status('a', 'ready', 6_000);
    },
  ],
  'I12: told degraded without a cause': [
    /^I12 bob - was told degraded by b without a cause/,
    ({ bob }) => {
      bob.heard(control('degraded', { since: '' }), 300);
      bob.heard(control('restored', { since: '' }), 310);
    },
  ],
  'gap: told, and nothing had to be missed': [
    /^gap bob r was told a gap, broker_outage, though Redis could be had/,
    (play) => {
      chats(play, 1, 1);
      play.bob.heard(gap(1, 'broker_outage'), 220);
    },
  ],
  'gap: expired, and it is in the log': [
    /^gap bob r was told a gap, expired, though 7\/1 is in the log, which begins at 1/,
    (play) => {
      chats(play, 1, 2);
      play.bob.closed(1000, 'itself', 300);
      const again = play.open('bob', { lastId: idAt(1) });
      again.heard(gap(1, 'expired'), 310);
      again.heard(chat(2), 310);
      again.heard(joined(2, {}, { recovered: 1 }), 310);
    },
  ],
  'gap: log_lost in the same epoch': [
    /^gap bob r was told a gap, log_lost, though the epoch is the same/,
    (play) => {
      chats(play, 1, 1);
      play.bob.heard(gap(1, 'log_lost'), 220);
    },
  ],
};

for (const [name, [expected, play]] of Object.entries(BAD))
  t.test(`found: ${name}`, async (t) => {
    const all = found(play);
    t.match(all.join('\n'), new RegExp(expected.source, 'm'));
    t.ok(all.length <= 3, all.join('\n'));
  });

t.test('each invariant has its history', async (t) => {
  const tags = [...Array.from({ length: 12 }, (_, i) => `I${i + 1}`), 'gap'];
  t.same(
    tags.filter((tag) => !Object.keys(BAD).some((name) => name.startsWith(`${tag}:`))),
    [],
  );
});

t.test('a hundred thousand messages to a hundred clients take little', async (t) => {
  const check = checker();
  const MESSAGES = 20_000;
  const CLIENTS = 100;
  const before = process.memoryUsage().heapUsed;
  const all = Array.from({ length: CLIENTS }, (_, i) => {
    const ears = check.connected({ client: `c${i}`, user: 'alice', pod: 'a', at: 0, room: 'r' });
    ears.heard(joined(0), 0);
    return ears;
  });
  for (let n = 1; n <= MESSAGES; n++) {
    all[0]?.said({ room: 'r', ref: `${n}`, data: { n } }, n);
    const text = chat(n);
    for (const ears of all) ears.heard(text, n);
    all[0]?.heard(ack(n), n);
  }
  const { violations, counts } = check.verdict({ at: MESSAGES, settled: MESSAGES });
  const bytes = process.memoryUsage().heapUsed - before;
  t.same(violations, []);
  t.equal(counts.delivered, MESSAGES * CLIENTS);
  t.ok(bytes / MESSAGES < 6_000, `${Math.round(bytes / MESSAGES)} bytes a message`);
});
