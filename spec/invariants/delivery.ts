/** Histories that break the invariants of delivery, I1 to I3, and what the checker finds in each. */
import {
  ack,
  chat,
  chats,
  control,
  idAt,
  joined,
  logOf,
  type Play,
  pod,
} from '../support/invariants/play.js';

export const DELIVERY: Readonly<Record<string, readonly [RegExp, (play: Play) => void]>> = {
  'I1: a hole': [
    /^I1 bob r at 7\/1 heard 7\/3: 1 of r are missing from 7\/2 on, and no gap was told/,
    (play) => {
      chats(play, 1, 1);
      play.send(2);
      play.send(3);
      play.alice.received(chat(2), 210);
      for (const ears of [play.alice, play.bob]) ears.received(chat(3), 210);
    },
  ],
  'I1: a hole at the end': [
    /^I1 bob r in the end at 7\/1, the log at 7\/2: 1 of r are missing/,
    (play) => {
      chats(play, 1, 1);
      play.send(2);
      play.alice.received(chat(2), 210);
      play.check.log(logOf([1, 2]));
      play.check.healed(300);
    },
  ],
  'I1: a hole in what is replayed': [
    /^I1 bob r at 7\/1 heard 7\/3/,
    (play) => {
      chats(play, 1, 3);
      play.bob.closed(1000, 'itself', 300);
      play.open('bob', { lastId: idAt(1) }).received(chat(3), 310);
    },
  ],
  'I1: joined beyond what was replayed': [
    /^I1 bob r at 7\/1 was shown 7\/3/,
    (play) => {
      chats(play, 1, 3);
      play.bob.closed(1000, 'itself', 300);
      play.open('bob', { lastId: idAt(1) }).received(joined(3, {}, { recovered: 0 }), 310);
    },
  ],
  'I1: recovered counts what came': [
    /^I1 bob r .*told that 2 were recovered, and got 1/,
    (play) => {
      chats(play, 1, 2);
      play.bob.closed(1000, 'itself', 300);
      const again = play.open('bob', { lastId: idAt(1) });
      again.received(chat(2), 310);
      again.received(joined(2, {}, { recovered: 2 }), 310);
    },
  ],
  'I1: shown a place that it has not reached': [
    /^I1 bob r at 7\/1 was shown 7\/2 outside the log/,
    (play) => {
      chats(play, 1, 1);
      play.send(2);
      play.alice.received(chat(2), 210);
      play.bob.received(control('joined', { room: 'r', members: 2 }, {}, 2), 220);
    },
  ],
  'I1: a new epoch unsaid': [
    /^I1 bob r at 7\/1 heard 8\/1 of another epoch without a gap/,
    (play) => {
      chats(play, 1, 1);
      play.send(2);
      const text = JSON.stringify({ ...JSON.parse(chat(2)), id: idAt(1, { tag: 8 }) });
      play.bob.received(text, 210);
    },
  ],
  'I1: shown a place of the next epoch': [
    /^I1 bob r at 7\/1 was shown 8\/0 outside the log, a place of another epoch, without a gap/,
    (play) => {
      chats(play, 1, 1);
      play.check.epoch('r', 8, 210);
      play.bob.received(control('joined', { room: 'r', members: 2 }, { tag: 8 }), 220);
    },
  ],
  'I1: joined too late for what it promises': [
    /^I1 carol r was told joined at 7\/2, and \{"n":2\}, said later, stands at or before that/,
    (play) => {
      chats(play, 1, 1);
      const carol = play.open('carol');
      carol.received(joined(2), 50);
      play.send(2);
      for (const ears of [play.alice, play.bob]) ears.received(chat(2), 210);
    },
  ],
  'I1: said on the pod, and a member there did not hear it': [
    /^I1 alice r never heard \{"n":1\}, which a said to its members/,
    (play) => {
      play.send(1);
      play.alice.received(ack(1, { ...pod, offset: 0 }), 210);
    },
  ],
  'I1: a new message under an old offset is eaten': [
    /^I1 bob r bob has .* before .*: one of the two was eaten/,
    (play) => {
      const { alice, bob, send } = play;
      for (const n of [1, 2, 3]) send(n);
      alice.received(chat(1), 210);
      alice.received(JSON.stringify({ ...JSON.parse(chat(3)), id: idAt(2, { nonce: 77 }) }), 210);
      bob.received(JSON.stringify({ ...JSON.parse(chat(2)), id: idAt(1, { nonce: 55 }) }), 210);
      bob.received(JSON.stringify({ ...JSON.parse(chat(3)), id: idAt(2, { nonce: 77 }) }), 210);
    },
  ],
  'I2: the same message twice': [
    /^I2 bob r .*heard 7\/1 again/,
    (play) => {
      chats(play, 1, 1);
      play.bob.received(chat(1), 220);
    },
  ],
  'I2: an echo of what was said on the pod': [
    /^I2 alice r .*heard \{"n":1\} twice: outside the log, and as 7\/1/,
    (play) => {
      play.send(1);
      play.alice.received(chat(1, { ...pod, offset: 0 }), 210);
      play.alice.received(chat(1), 220);
    },
  ],
  'I2: the same again after a resume that asked for what follows': [
    /^I2 bob r .*heard 7\/2, which it had passed/,
    (play) => {
      chats(play, 1, 2);
      play.bob.closed(1000, 'itself', 300);
      play.open('bob', { lastId: idAt(2) }).received(chat(2), 310);
    },
  ],
  'I3: two orders': [
    /^I3 - r 2 of \d+ messages of r are in no one order/,
    (play) => {
      const [one, other] = [1, 2].map((n) =>
        JSON.stringify({ ...JSON.parse(chat(n)), id: idAt(0, { outside: true, nonce: 900 + n }) }),
      );
      play.send(1);
      play.send(2);
      for (const text of [one, other]) play.alice.received(text ?? '', 210);
      for (const text of [other, one]) play.bob.received(text ?? '', 210);
    },
  ],
};
