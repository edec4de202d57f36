/**
 * Histories that break the invariants of acks, logs, rooms, limits and health, I4 to I12 and gaps, and what
 * the checker finds in each.
 */
import {
  ack,
  chat,
  chats,
  comesTo,
  control,
  gap,
  idAt,
  joined,
  logOf,
  type Play,
  pod,
} from '../support/invariants/play.js';

export const OUTCOMES: Readonly<Record<string, readonly [RegExp, (play: Play) => void]>> = {
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
      play.send(3);
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
    ({ bob }) => bob.received(chat(1), 210),
  ],
  'I5: another name': [
    /^I5 alice r \{"n":1\} was said by alice and heard as by mallory/,
    ({ bob, send }) => {
      send(1);
      bob.received(chat(1, {}, 'mallory'), 210);
    },
  ],
  'I5: another text under the same id': [
    /^I5 bob r heard .* with another text than others/,
    (play) => {
      play.send(1);
      play.send(2);
      play.alice.received(chat(1), 210);
      play.bob.received(JSON.stringify({ ...JSON.parse(chat(2)), id: idAt(1) }), 210);
    },
  ],
  'I6: a message of another room': [
    /^I6 alice r \{"n":1\} was said in r and heard in s/,
    ({ bob, send }) => {
      send(1);
      bob.joins('s', undefined, 200);
      bob.received(chat(1, {}, 'alice', 's'), 210);
    },
  ],
  'I6: a room that it is not in': [
    /^I6 bob s heard .*, where it is not/,
    ({ alice, bob }) => {
      alice.sent({ room: 's', ref: '1', data: { n: 1 } }, 200);
      bob.received(chat(1, {}, 'alice', 's'), 210);
    },
  ],
  'I7: the same key is stored twice': [
    /^I7 alice r \{"n":1\} is stored twice/,
    (play) => {
      chats(play, 1, 1);
      play.send(1);
      for (const ears of [play.alice, play.bob])
        ears.received(JSON.stringify({ ...JSON.parse(chat(1)), id: idAt(2) }), 220);
    },
  ],
  'I7: two acks under two ids': [
    /^I7 alice r \{"n":1\} is .* and .*: the same key/,
    (play) => {
      chats(play, 1, 1);
      play.send(1);
      play.alice.received(ack(1, { as: 2 }), 220);
    },
  ],
  'I7: a duplicate that was said once': [
    /^I7 alice r \{"n":1\} was sent once and is called a duplicate/,
    ({ send, alice }) => {
      send(1);
      alice.received(ack(1, { duplicate: true }), 220);
    },
  ],
  'I8: more than its bound': [
    /^I8 - - an outbox: 257, bound to 256/,
    ({ check }) => check.holds('an outbox', 257, 256, 300),
  ],
  'I9: never answered': [
    /^I9 alice r \{"n":1\} was never answered/,
    ({ send, settle }) => {
      send(1);
      settle(5_000);
    },
  ],
  'I9: on the pod alone, though all is well': [
    /^I9 alice r .*said on the pod alone, though all was well/,
    ({ alice, check }) => {
      check.healed(200);
      alice.sent({ room: 'r', ref: '1', data: { n: 1 } }, 9_000);
      alice.received(chat(1, { ...pod, offset: 0 }), 9_001);
      alice.received(ack(1, { ...pod, offset: 0 }), 9_001);
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
      play.send(2);
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
    (play) => comesTo(play, idAt(1)).received(joined(1, {}, { recovered: 0 }), 410),
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
      bob.received(control('degraded', { since: '' }), 300);
      bob.received(control('restored', { since: '' }), 310);
    },
  ],
  'gap: told, and nothing had to be missed': [
    /^gap bob r was told a gap, broker_outage, though Redis could be had/,
    (play) => {
      chats(play, 1, 1);
      play.bob.received(gap(1, 'broker_outage'), 220);
    },
  ],
  'gap: expired, and it is in the log': [
    /^gap bob r was told a gap, expired, though 7\/1 is in the log, which begins at 1/,
    (play) => {
      chats(play, 1, 2);
      play.bob.closed(1000, 'itself', 300);
      const again = play.open('bob', { lastId: idAt(1) });
      again.received(gap(1, 'expired'), 310);
      again.received(chat(2), 310);
      again.received(joined(2, {}, { recovered: 1 }), 310);
    },
  ],
  'gap: log_lost in the same epoch': [
    /^gap bob r was told a gap, log_lost, though the epoch is the same/,
    (play) => {
      chats(play, 1, 1);
      play.bob.received(gap(1, 'log_lost'), 220);
    },
  ],
};
