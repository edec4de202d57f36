/** Histories of what an application on the client library gets, and what the checker finds in each. */
import { ack, chat, chats, gap, idAt, logOf, type Play } from '../support/invariants/play.js';
import type { ApplicationEars, ApplicationStay } from '../support/invariants.js';
import { idTextOf } from '../support/invariants/frame.js';

interface Shown {
  readonly ears: ApplicationEars;
  readonly stay: ApplicationStay;
}

/** Bob's application uses the room from its beginning; its connections get messages 1 to `n`. */
const shown = (play: Play, n: number): Shown => {
  const ears = play.check.application('bob');
  const stay = ears.uses('r', undefined, 150);
  stay.joined(idAt(0, { outside: true }), 160);
  chats(play, 1, n);
  return { ears, stay };
};

export const GOOD_APPLICATIONS: Readonly<Record<string, (play: Play) => void>> = {
  'every message for an application, and an answer to its publish': (play) => {
    const { ears, stay } = shown(play, 2);
    stay.received(chat(1), 300);
    stay.received(chat(2), 301);
    stay.shown(idAt(2), 301);
    play.bob.sent({ room: 'r', ref: '9', data: { n: 9 } }, 310);
    const settled = ears.published('r', { n: 9 }, 310);
    play.bob.received(ack(9, { as: 3 }), 320);
    settled({ id: idAt(3), duplicate: false }, 320);
    ears.judge(330);
  },
  'a pod that is behind, and brings back what the application had': (play) => {
    const { ears, stay } = shown(play, 4);
    for (const n of [1, 2, 3]) stay.received(chat(n), 300 + n);
    const sentGap = gap(1, 'broker_outage');
    ears.gapCame(idTextOf(sentGap));
    stay.gap(idTextOf(sentGap), 'broker_outage', 310);
    stay.received(chat(4), 320);
    play.check.log(logOf([1, 2, 3, 4]));
    play.check.healed(400);
  },
};

export const APPLICATIONS: Readonly<Record<string, readonly [RegExp, (play: Play) => void]>> = {
  'I1: a hole that an application is not told of': [
    /^I1 bob's application r at 7\/1 heard 7\/3: 1 of r are missing/,
    (play) => {
      const { stay } = shown(play, 3);
      stay.received(chat(1), 300);
      stay.received(chat(3), 301);
    },
  ],
  'I1: a position beyond what an application was shown': [
    /^I1 bob's application r at 7\/1 was shown 7\/2: 1 of r are missing/,
    (play) => {
      const { stay } = shown(play, 2);
      stay.received(chat(1), 300);
      stay.shown(idAt(2), 301);
    },
  ],
  'I2: what an application is shown twice': [
    /^I2 bob r the application got .* twice/,
    (play) => {
      const { stay } = shown(play, 1);
      stay.received(chat(1), 300);
      stay.received(chat(1), 301);
    },
  ],
  'I3: publishes of an application in another order': [
    /^I3 bob r the application published \{"n":2\} before \{"n":1\}, which stand at 7\/2 and 7\/1/,
    (play) => {
      const { ears, stay } = shown(play, 2);
      for (const n of [1, 2]) stay.received(chat(n), 300 + n);
      for (const n of [2, 1])
        ears.published('r', { n }, 300)({ id: idAt(n), duplicate: false }, 310);
      ears.judge(320);
    },
  ],
  'I4: an answer to a publish that no server gave': [
    /^I4 bob r the application was told that \{"n":1\} is .*, which no connection was told/,
    (play) => {
      const { ears, stay } = shown(play, 1);
      stay.received(chat(1), 300);
      ears.published('r', { n: 1 }, 300)({ id: idAt(5), duplicate: false }, 310);
      ears.judge(320);
    },
  ],
  'I9: a publish without an answer': [
    /^I9 bob r the application published \{"n":1\}, and has no answer/,
    (play) => {
      const { ears, stay } = shown(play, 1);
      stay.received(chat(1), 300);
      ears.published('r', { n: 1 }, 300);
      ears.judge(320);
    },
  ],
  'gap: one that an application is told of and its connections are not': [
    /^gap bob r the application got a gap that no connection got/,
    (play) => {
      const { stay } = shown(play, 1);
      stay.received(chat(1), 300);
      stay.gap(idAt(1, { outside: true }), 'expired', 310);
    },
  ],
};
